"""tests/unit/client."""
