"""tests/unit/cloning/audio."""
