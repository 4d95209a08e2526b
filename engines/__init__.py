"""
Models on devices: the only package that imports torch, f5_tts or transformers, and only inside functions.

    f5/        F5-TTS
    device/    where models are, and who uses the GPU when
    imports/   the libraries, without what inference doesn't use
    xtts       XTTS v2 on coqui-tts's official path
    whisper    transcription
    alphabets  which characters reach a model
    lru        an LRU cache
    tiny       a small F5-TTS checkpoint with random weights
    tiny_xtts  the same for XTTS
"""
