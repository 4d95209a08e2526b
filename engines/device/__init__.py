"""
Where models are, and who uses the GPU when.

    placement  chooses devices, and checks that weights are there
    errors     what a device's failure means
    lazy       load once, unload when asked
    owner      the GPU thread
    scheduler  the queue of all jobs' chunks
    batch      queued chunks, and their results
    prefetch   files fetched ahead
"""
