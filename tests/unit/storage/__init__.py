"""tests/unit/storage."""
