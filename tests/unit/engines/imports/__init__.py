"""tests/unit/engines/imports."""
