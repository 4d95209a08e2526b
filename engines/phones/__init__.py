"""
Whether English speech has more phones (the single sounds of which words are made) than its text, on the CPU.

    pocketsphinx  the model, asked in a process of its own
    search        the program of that process; fillers.dict has the phones as words of noise
"""
