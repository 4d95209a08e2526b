"""tests/unit/engines/speakers."""
