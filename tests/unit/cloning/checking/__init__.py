"""tests/unit/cloning/checking."""
