"""The scenario: what to plan, with which settings, and what to change in the data first."""
