"""
One generate. Start with `attempt`.

    attempt      claim, transcribe, speak, store, complete
    candidates   which engines may speak, in which order, with which values
    script       what an engine is to speak, and what the caller should know of it
    transcribe   the words of a recording
    speaker      a loaded engine, and what a device's failure leads to
    speaking     a job's chunks in turns on the GPU
    synthesis    chunks as engines take them; waves joined
    chunk_store  finished chunks, kept for a later attempt
"""
