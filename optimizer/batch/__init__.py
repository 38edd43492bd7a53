"""Many runs beside each other: what differs, what caused it, and what must not fall."""
