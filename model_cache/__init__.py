"""
Checkpoint files: fetched from the hub or the bucket, identified, checked and made loadable. Imports no torch.

    cache             this disk, then the bucket, then the hub
    catalog           checkpoints by name: source, configuration, licence
    library           the catalogue's checkpoints and the bucket's
    sources           original files on the hub, in a folder or in the bucket
    hub               downloads from the model hub
    prepare           from an original file to the one that is loaded
    families          the files of an F5-TTS and of an XTTS checkpoint, in one table
    architectures     classes of models and their arguments, given and published
    local_checkpoint  a checkpoint on this disk, as loaders take it
    background        work that no caller waits for
    progress          progress of long work
    __main__          the command line
    formats/          safetensors and torch.save, read as data
    layouts/          a file's tensors compared with what its model needs; repair
    copies/           copies on this disk and in the bucket
"""
