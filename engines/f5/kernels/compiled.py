"""What `build` leaves in a folder: a machine code per kernel, card, precision and size, and `kernels.json`, which describes them."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

FOLDER = Path(__file__).with_name("compiled")
SOURCE = Path(__file__).with_name("source.py")
INDEX = "kernels.json"
NAMES = ("rotate", "norm", "add_norm")
CARDS = (80, 86, 89, 90, 120)
"""Compute capabilities, times ten."""
DTYPES = {"float16": "fp16", "bfloat16": "bf16"}
"""The names of torch and of Triton."""
SIZES = {1024: 16, 768: 12}
"""Features and heads of F5-TTS's published sizes."""
HEAD = 64
EPS = 1e-6
ALIGNMENT = 16
"""Bytes: the kernels read and write so many at once."""


class KernelsUnusable(Exception):
    """Why these kernels can't be used here; the message is for whoever asked for them."""


class Kernel(BaseModel):
    """
    One compiled kernel: for which card, precision and size, and what a launch needs.

    `bits` are the sizes of its parameters in the machine code, in order. Triton adds two pointers to scratch memory, which these
    kernels don't use.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    card: int
    dtype: str
    dim: int
    file: str
    sha256: str
    symbol: str
    bits: tuple[int, ...]
    warps: int
    shared: int


class Index(BaseModel):
    """`kernels.json`. `source` is the digest of source.py."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    triton: str
    source: str
    kernels: tuple[Kernel, ...]


@dataclass(frozen=True)
class Compiled:
    """The kernels for one card, precision and size, by name, with their machine code. `digest` changes with any of it."""

    kernels: Mapping[str, tuple[Kernel, bytes]]
    dim: int
    dtype: str
    digest: str


def find(folder: Path, *, card: int, dtype: str, dim: int) -> Compiled:
    """The kernels for this card, torch's dtype and so many features. Raises KernelsUnusable."""
    index = _index(folder)
    fitting = [one for one in index.kernels if (one.card, one.dtype, one.dim) == (card, dtype, dim)]
    if {one.name for one in fitting} != set(NAMES):
        raise KernelsUnusable(
            f"{folder} has no kernels for compute capability {card / 10:g}, {dtype} and {dim} features"
        )
    kernels = {one.name: (one, _code(folder, one)) for one in fitting}
    digest = hashlib.sha256("".join(one.model_dump_json() for one in fitting).encode()).hexdigest()[:16]
    return Compiled(kernels, dim, dtype, digest)


def digest_of(path: Path) -> str:
    """The SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _index(folder: Path) -> Index:
    path = folder / INDEX
    try:
        index = Index.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise KernelsUnusable(
            f"{path} is not there: the kernels are compiled where the image is built, or by `python -m engines.f5.kernels`"
        ) from None
    except OSError as error:
        raise KernelsUnusable(f"{path} can't be read ({error.strerror})") from error
    except ValidationError as error:
        raise KernelsUnusable(f"{path} is damaged ({error.error_count()} problems): build the kernels again") from error
    if index.source != digest_of(SOURCE):
        raise KernelsUnusable(f"{folder} was compiled from another {SOURCE.name}: build the kernels again")
    return index


def _code(folder: Path, kernel: Kernel) -> bytes:
    try:
        code = (folder / kernel.file).read_bytes()
    except OSError as error:
        raise KernelsUnusable(f"{kernel.file} in {folder} can't be read ({error.strerror})") from error
    if hashlib.sha256(code).hexdigest() != kernel.sha256:
        raise KernelsUnusable(f"{kernel.file} in {folder} is damaged: build the kernels again")
    return code
