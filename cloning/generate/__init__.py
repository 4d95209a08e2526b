"""
One generate. Start with `attempt`.

    attempt          check, plan, claim, hear, load, speak, store, complete: from top to bottom
    job_voices       the voices of one job, transcribed and fetched
    candidates       which engines may speak, in which order, with which values
    script           each engine's chunks, planned once, and warnings for the caller
    advice           warnings about a text or a voice
    respellings      the respellings of a request and its dictionary
    read_only        how a text would be read
    transcribe       the words of a recording
    speaker          a loaded engine
    device_recovery  the remedies for a device's failures, in one table
    speaking         a plan, chunk by chunk
    progress/        a running job's progress: chunks done, parts that can be heard
    proof/           checks, word times, subtitles
    job_tasks        a job's tasks in turns on the GPU, timed by phase
    cost             the cost of a job's own turns
    spoken           a finished speech, and its facts for reply and record
    synthesis        waves counted, checked, and joined around pauses
    chunk_store      finished chunks, kept for a later attempt
"""
