"""
From a text to chunks.

    text          a text in characters that an engine knows, in passages without a pause, in chunks that it can speak at once
    pace          how long people need for words
    f5            F5-TTS: its profiles, its needs, its chunks and their lengths
    redraws       the further draws of a chunk: other seeds, and slower
    xtts          the same for XTTS
    engine_kinds  both by name: everything known of an engine before one is loaded
"""
