"""Many scenarios: expanded, run side by side here or on a cluster, summed up, compared, traded off."""
