"""Whom to tell of what happens: events are written with the change they tell of, and delivered after it."""
