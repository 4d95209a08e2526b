"""
What a file holds, compared with what its model needs.

    inspection    ready, repairable or refused, and why
    diagnosis     verdicts, and the comparison of tensors
    repair        makes a file loadable, and verifies it
    architecture  a model's arguments, within bounds
    vocabulary    entries of a vocab.txt
    f5            layouts of F5-TTS files
    f5_tensors    the tensors of each F5-TTS architecture
    xtts          layouts of XTTS files
    xtts_tensors  the tensors of XTTS
"""
