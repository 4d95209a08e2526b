"""tests/unit/model_cache/layouts."""
