"""
Files of tensors, read as data and never run.

    contents          a file's tensors, by its header alone
    reading           reads of untrusted files
    safetensors_file  safetensors headers
    torch_file        what torch.save wrote
    unpickling        pickles, without running them
    torch_writer      writes as torch.save does
    tensor_copy       tensors from file to file
    writing           a new checkpoint file
"""
