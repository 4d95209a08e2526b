"""tests/unit/engines."""
