"""tests/contract/downloads."""
