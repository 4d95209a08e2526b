"""tests/unit/local."""
