"""
Models on devices: the only package that imports torch, f5_tts or transformers, and only inside functions.

    f5/            F5-TTS
    device/        the placement of models, and turns on the GPU
    whisper/       transcription, and words laid over a recording
    imports/       the libraries, without what inference doesn't use
    xtts           XTTS v2 on coqui-tts's official path
    speaker_model  how alike two voices are, by Resemblyzer
    wespeaker      the same, by WeSpeaker's ResNet34
    phones         whether English speech has more phones than its text, by pocketsphinx
    phone_search   its search, in a process of its own
    alphabets      the characters that a model knows
    lru            an LRU cache
    tiny           a small F5-TTS checkpoint with random weights
    tiny_xtts      the same for XTTS
"""
