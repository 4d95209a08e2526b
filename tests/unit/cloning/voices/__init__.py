"""tests/unit/cloning/voices."""
