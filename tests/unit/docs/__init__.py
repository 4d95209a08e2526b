"""tests/unit/docs."""
