"""tests/unit/cloning/jobs."""
