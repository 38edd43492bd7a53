"""What an answer of an engine means: the plan, its figures and tables, why lines are short, what limits are worth."""
