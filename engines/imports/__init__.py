"""
Heavy libraries, imported without what inference doesn't use. These modules patch foreign modules: read the tests first.

    f5             f5_tts
    transformers   Whisper's part of transformers
    deferred       modules imported when first used
    blank_weights  models built without random weights
"""
