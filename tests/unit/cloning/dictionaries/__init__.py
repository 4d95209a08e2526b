"""tests/unit/cloning/dictionaries."""
