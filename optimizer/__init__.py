"""Allot: an order allocation optimizer whose every number can be defended."""

__version__ = "0.1.0"
