"""tests/unit/cloning/generate/attempt."""
