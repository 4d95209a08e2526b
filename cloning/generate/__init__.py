"""
One generate. Start with `attempt`.

    attempt          check, plan, claim, hear, load, speak, store, complete: from top to bottom
    job_voices       the voices of one job, heard and fetched
    candidates       which engines may speak, in which order, with which values
    script           what each engine is to speak, planned once, and what the caller should know of it
    advice           warnings: what of a text or a voice may be heard
    respellings      what words are said like
    read_only        how a text would be read
    transcribe       the words of a recording
    speaker          a loaded engine
    device_recovery  what a device's failure leads to, in one table
    speaking         a plan, chunk by chunk
    progress/        what a running job tells: chunks done, parts that can be heard
    proof/           checks, word times, subtitles
    job_tasks        a job's tasks in turns on the GPU, timed by phase
    cost             what a job's own turns cost
    spoken           a finished speech, and what is told of it
    synthesis        waves checked, and joined around pauses
    chunk_store      finished chunks, kept for a later attempt
"""
