"""
From a text to chunks.

    split         text to chunks
    passages      a text with pauses or several voices, passage by passage
    alphabet      the characters that a checkpoint can be given
    pace          how long people need for words
    f5            F5-TTS: its profiles, its needs, its chunks and their lengths
    xtts          the same for XTTS
    engine_kinds  both by name: everything known of an engine before one is loaded
"""
