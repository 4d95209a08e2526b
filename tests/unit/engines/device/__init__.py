"""tests/unit/engines/device."""
