"""
Checkpoint files: from the hub or the bucket to this disk, known, whole and loadable. No torch.

    catalog      which checkpoints exist: name -> source, configuration, vocabulary, languages, licence (catalog.yaml)
    tensorfile   reads and rewrites the header of a safetensors file
    layouts      what a checkpoint file holds, and what it must become so that f5_tts loads it
    repair       makes it so, on a private copy
    record       what is known of a loadable copy; written beside its files
    shelf        the copies on this disk: one writer, atomic
    hub          one file from the model hub
    cache        local disk <- bucket <- hub or folder: verified and published

They import each other in this order: catalog, tensorfile, hub <- layouts, record <- repair, shelf <- cache.
"""
