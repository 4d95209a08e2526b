"""tests/unit/engines/phones."""
