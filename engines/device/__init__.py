"""
Where models are, and who uses the GPU when.

    placement   chooses devices, and checks that weights are there
    errors      what a device's failure means
    lazy        load once, unload when asked
    gpu_thread  the one thread that may use the models
    scheduler   which tasks come next
    batch       what becomes of a batch of tasks
    idle        models that nobody uses leave the GPU
    prefetch    files fetched ahead
"""
