"""
What a file holds, against what its model needs.

    inspection    ready, repairable or refused, and why
    diagnosis     how tensors are compared
    repair        makes a file loadable, and proves it
    architecture  a model's arguments, within bounds
    vocabulary    entries of a vocab.txt
    f5            F5-TTS files
    f5_tensors    the tensors of each F5-TTS architecture
    xtts          XTTS files
    xtts_tensors  XTTS's tensors
"""
