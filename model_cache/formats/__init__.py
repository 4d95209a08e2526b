"""
File formats of tensors, read as data and never run.

    contents          the tensors of a file, as its header describes them
    reading           reads a file of either format
    safetensors_file  safetensors headers
    torch_file        files of torch.save
    unpickling        pickles, without running them
    torch_writer      writes files as torch.save does
    tensor_copy       copies tensors from file to file
    writing           writes a new checkpoint file
"""
