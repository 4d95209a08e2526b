"""Stand-in for model_cache.inspection and model_cache.repair.repair until they are merged. To be deleted."""

import json
import struct
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from cloning.errors import CheckpointUnusable
from model_cache.catalog import f5_folder, published
from model_cache.layouts import Ready, Refused, diagnose, expected_keys, vocabulary_size
from model_cache.record import sha256_of
from model_cache.tensorfile import read_header, rewrite


@dataclass(frozen=True)
class Inspection:
    verdict: Literal["ready", "repairable", "refused"]
    layout: str
    architecture: str
    tensors: int
    bytes: int
    changes: list[str]
    drops: list[str]
    lossless: bool
    reason: str

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Repaired:
    how: str
    bytes_written: int
    sha256: str


def inspect(path: Path, *, config: str | None = None, vocabulary: Path | None = None) -> Inspection:
    size = path.stat().st_size
    try:
        header = read_header(path)
    except CheckpointUnusable as error:
        return Inspection("refused", "unknown", "unknown", 0, size, [], [], True, error.message)
    arch = dict(published(config or "F5TTS_v1_Base").arch)
    blocks = {name.split(".blocks.")[0] for name in header.tensors}
    del blocks
    for name, info in header.tensors.items():
        if name.endswith("time_embed.time_mlp.0.weight"):
            arch["dim"] = info.shape[0]
    if arch["dim"] == 64:
        arch = {"dim": 64, "depth": 2, "heads": 2, "ff_mult": 2, "text_dim": 64, "qk_norm": None, "conv_layers": 1}
    entries = vocabulary_size(vocabulary or f5_folder() / "infer/examples/vocab.txt")
    found = diagnose(header, expected_keys(arch, entries))
    if isinstance(found, Ready):
        return Inspection("ready", "official", "DiT", len(header.tensors), size, [], [], True, "")
    if isinstance(found, Refused):
        return Inspection("refused", "unknown", "DiT", len(header.tensors), size, [], [], True, found.reason)
    return Inspection(
        "repairable", "ema", "DiT", len(header.tensors), size, [found.reason], sorted(found.drops), True, found.reason
    )


def repair(
    source: Path,
    out: Path,
    *,
    inspection: Inspection | None = None,
    dtype: Literal["keep", "fp16"] = "keep",
    progress: Callable[[int], None] | None = None,
) -> Repaired:
    inspection = inspection or inspect(source)
    if inspection.verdict == "refused":
        raise CheckpointUnusable(inspection.reason)
    header = read_header(source)
    names = {name: name.removeprefix("ema.") for name in header.tensors if name not in inspection.drops}
    if dtype == "keep":
        rewrite(source, out, names)
    else:
        _halved(source, out, names)
    return Repaired("renamed", out.stat().st_size, sha256_of(out))


def _halved(source: Path, out: Path, names: dict[str, str]) -> None:
    header = read_header(source)
    data = source.read_bytes()[header.data_start :]
    entries: dict[str, Any] = {}
    blobs = []
    position = 0
    for old, new in names.items():
        info = header.tensors[old]
        blob, dtype = data[info.begin : info.end], info.dtype
        if dtype == "F32":
            blob, dtype = np.frombuffer(blob, "<f4").astype("<f2").tobytes(), "F16"
        entries[new] = {"dtype": dtype, "shape": info.shape, "data_offsets": (position, position + len(blob))}
        position += len(blob)
        blobs.append(blob)
    text = json.dumps(entries).encode()
    text = text.ljust(-(-len(text) // 8) * 8)
    out.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(blobs))
