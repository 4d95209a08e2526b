"""
A text's way to chunks.

    split     text to chunks
    alphabet  which characters a checkpoint can be given
    pace      how long people need for words
    f5        seeds and lengths for F5-TTS
    xtts      the same for XTTS
    engine_kinds  both engines: their settings, profiles, needs and plans
"""
