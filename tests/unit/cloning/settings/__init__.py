"""tests/unit/cloning/settings."""
