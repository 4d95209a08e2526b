"""tests/contract/hostile."""
