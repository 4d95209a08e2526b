"""tests/unit/worker."""
