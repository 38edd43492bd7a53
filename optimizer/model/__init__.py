"""The mathematics: from tables and a scenario to one neutral linear model."""
