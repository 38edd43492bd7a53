"""What a plan tells the systems around it: what to pick, what to reserve, and what stock is left by it."""
