"""Many scenarios from one: trade-offs and comparisons, each plan made and proven like any other run."""
