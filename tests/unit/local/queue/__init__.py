"""tests/unit/local/queue."""
