"""tests/unit/cloning."""
