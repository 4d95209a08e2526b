"""
Where models are, and who uses the GPU when.

    placement   chooses devices, and checks that weights are there
    errors      what a device's failure means
    verdicts    whether a faster path may speak on a card, remembered
    lazy        load once, unload when asked
    gpu_thread  the one thread that may use the models
    scheduler   which tasks come next
    prefetch    files fetched ahead
"""
