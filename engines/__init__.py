"""
Models on devices: the only package that imports torch, f5_tts or transformers, and only inside functions.

    f5_import   f5_tts's inference module without its trainer, its prints, and what inference doesn't use
    sampler     its solver, faster, with the same samples
    tiny        a small checkpoint with random weights, for machines that can't reach a real one

Importing anything from here is cheap; calling it is not.
"""
