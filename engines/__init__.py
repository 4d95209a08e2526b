"""
Models on devices: the only package of the image that imports torch, f5_tts or transformers, and only inside functions.

    f5/         F5-TTS
    whisper/    transcription, and words laid over a recording
    phones/     whether English speech has more phones than its text, by pocketsphinx
    speakers/   how alike two voices are
    device/     the placement of models, and turns on the GPU
    imports/    the libraries, without what inference doesn't use
    xtts        XTTS v2 on coqui-tts's official path
    alphabets   the characters that a model knows
    lru         an LRU cache
    tiny        a small F5-TTS checkpoint with random weights
    tiny_xtts   the same for XTTS
"""
