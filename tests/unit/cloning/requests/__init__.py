"""tests/unit/cloning/requests."""
