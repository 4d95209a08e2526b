"""tests/unit/cloning/generate/speaker."""
