"""tests/unit/model_cache/formats."""
