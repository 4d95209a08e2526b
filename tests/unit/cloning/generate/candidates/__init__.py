"""tests/unit/cloning/generate/candidates."""
