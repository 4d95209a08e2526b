"""Read what a checkpoint file of any format holds; the first bytes decide on the format, never the name."""

from pathlib import Path

from cloning.errors import CheckpointUnusable
from model_cache.formats.contents import Contents, Tensor
from model_cache.formats.safetensors_file import HEADER_LENGTH, Header, TensorInfo, read_header
from model_cache.formats.torch_file import is_archive, legacy, read_archive


def read_contents(path: Path) -> Contents:
    """
    Read the names, shapes, types and places of a file's tensors from its header or its pickle; takes milliseconds.

    Raises CheckpointUnusable with the reason if the file is damaged or not a checkpoint, OSError if it can't be read.
    """
    with path.open("rb") as file:
        start = file.read(512)
    if is_archive(start):
        return read_archive(path)
    if why := _no_checkpoint(start):
        raise CheckpointUnusable(f"{path.name} is not usable: {why}", file=path.name)
    header = read_header(path)
    return Contents(
        kind="safetensors",
        name=path.name,
        size=path.stat().st_size,
        count=len(header.tensors),
        dicts={
            (): {
                name: Tensor(info.dtype, info.shape, header.data_start + info.begin)
                for name, info in header.tensors.items()
            }
        },
        metadata=header.metadata,
        data_start=header.data_start,
    )


def header_of(contents: Contents) -> Header:
    """The header of a safetensors file, from its contents."""
    tensors = {
        name: TensorInfo(tensor.dtype, tensor.shape, begin, begin + tensor.size)
        for name, tensor in contents.dicts[()].items()
        for begin in [tensor.begin - contents.data_start]
    }
    return Header(tensors, contents.metadata, contents.data_start - HEADER_LENGTH)


def _no_checkpoint(start: bytes) -> str | None:
    if not start.strip(b"\0"):
        return "not a checkpoint: it is empty, or holds nothing but zeros"
    if start.startswith(b"version https://git-lfs"):
        return "not a checkpoint: it is git's pointer to the file; fetch the file itself (`git lfs pull`)"
    if start.lstrip()[:1] == b"<":
        return "not a checkpoint: it is a web page; fetch the file itself"
    if why := legacy(start):
        return f"{why}; such a file can't be read without running it. If you trust it, load it with torch and save it again"
    if start[8:].lstrip(b" ")[:1] != b"{":
        return "not a checkpoint: it is neither a safetensors file nor one of torch.save"
    return None
