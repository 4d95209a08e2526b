"""tests/unit/cloning/generate."""
