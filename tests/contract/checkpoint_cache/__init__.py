"""tests/contract/checkpoint_cache."""
