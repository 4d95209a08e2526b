"""tests/unit/engines/f5."""
