"""
Checkpoint files: from the hub or the bucket to this disk, known, whole and loadable. No torch.

    cache             this disk, then the bucket, then the hub
    catalog           checkpoints by name: source, configuration, licence
    library           the catalogue's checkpoints and the bucket's
    sources           files as they are, on the hub, in a folder or in the bucket
    hub               the hub
    prepare           from such a file to the one that is loaded
    families          what a checkpoint of F5-TTS and of XTTS consists of, in one table
    architectures     classes of models and their arguments, given and published
    local_checkpoint  a checkpoint on this disk, as loaders take it
    background        work that no caller waits for
    progress          reports long work
    __main__          the command line
    formats/          safetensors and torch.save, read as data
    layouts/          what a file holds, against what its model needs; repair
    copies/           copies on this disk and in the bucket
"""
