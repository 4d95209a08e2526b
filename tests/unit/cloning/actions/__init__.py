"""tests/unit/cloning/actions."""
