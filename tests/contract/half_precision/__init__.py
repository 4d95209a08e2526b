"""tests/contract/half_precision."""
