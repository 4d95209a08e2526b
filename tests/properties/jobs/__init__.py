"""tests/properties/jobs."""
