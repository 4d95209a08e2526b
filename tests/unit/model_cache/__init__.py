"""tests/unit/model_cache."""
