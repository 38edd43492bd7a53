"""The run that nobody watches: locked, recorded, idempotent, with yesterday's plan to fall back on."""
