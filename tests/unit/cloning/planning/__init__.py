"""tests/unit/cloning/planning."""
