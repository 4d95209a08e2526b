"""
Checkpoint files: from the hub or the bucket to this disk, known, whole and loadable. No torch.

    catalog        which checkpoints exist: name -> source, configuration, vocabulary, languages, licence (catalog.yaml)
    vocabulary     how many entries a vocab.txt has
    contents       a file's tensors: names, types, shapes, places
    tensorfile     reads and writes the header of a safetensors file
    unpickling     reads a pickle as data; nothing that it asks for is run
    picklefile     reads what torch.save wrote; torchfile writes it
    reading        the contents of a file of either format
    architectures  which tensors DiT and UNetT have, and what shapes tell; xtts_keys the same for XTTS v2
    diagnosis      a verdict, and how tensors are compared with what a model needs
    layouts        the layouts of F5-TTS and E2-TTS; xtts those of XTTS
    inspection     what a file is: ready, repairable or refused
    tensorcopy     tensors' bytes from file to file, proved; writing whole files of them
    repair         makes a file loadable, as a new file
    record         what is known of a loadable copy; written beside its files
    shelf          the copies on this disk: one writer, atomic
    hub            one file from the model hub
    cache          local disk <- bucket <- hub or folder: verified and published

They import each other in this order, downwards.
"""
