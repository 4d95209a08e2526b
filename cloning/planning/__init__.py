"""
A text's way to chunks.

    split         text to chunks
    passages      a text with pauses or several voices, passage by passage
    alphabet      which characters a checkpoint can be given
    pace          how long people need for words
    f5            F5-TTS: its profiles, what it needs, its chunks and their lengths
    xtts          the same for XTTS
    engine_kinds  both by name: all that is known of an engine before one is loaded
"""
