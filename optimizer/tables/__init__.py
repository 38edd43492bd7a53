"""The input tables: read from anywhere, typed exactly, validated, sorted and frozen."""
