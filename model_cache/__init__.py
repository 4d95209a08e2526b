"""
Checkpoint files: from the hub or the bucket to this disk, known, whole and loadable. No torch.

What a file is, and what it becomes:
    inspection   ready, repairable or refused, and why (reading, contents, tensorfile, picklefile, unpickling: by the header alone)
    diagnosis    a verdict, and how tensors are compared with what a model needs
    layouts      what an F5-TTS file holds, against what its architecture has (architectures); xtts, xtts_keys: the same for XTTS
    repair       makes it loadable, proves it and leaves the source alone (writing, tensorcopy, torchfile, appearing)
    vocabulary   how many entries a vocab.txt has; families: which files a checkpoint of F5-TTS and of XTTS has

Where it is:
    catalog      which checkpoints have a name: source, configuration, vocabulary, languages, licence (catalog.yaml; arch)
    library      the catalogue's, and those that lie in the bucket; whether commercial use is allowed
    sources, hub the files as they are, on the hub, in a folder or in the bucket
    prepare      from such a file to the one that is loaded
    record       what is known of a loadable copy; written beside its files
    lease, shelf the copies on this disk: who uses them, one writer, atomic
    eviction     which of them go
    published    the copies in the bucket
    disk         its trouble, explained or kept out of the way
    watch        long work, told to whoever watches
    cache        local disk <- bucket <- hub or folder: verified and published
    __main__     the command line
"""
