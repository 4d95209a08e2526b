"""tests/unit/engines/whisper."""
