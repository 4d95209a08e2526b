"""tests/unit/cloning/ports."""
