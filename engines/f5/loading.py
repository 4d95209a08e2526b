"""F5-TTS from a checkpoint's files, by f5_tts's own `load_model`, onto a device."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from cloning.errors import CheckpointUnusable
from engines.device.errors import failure_of
from engines.device.placement import Weights, check_placed
from engines.imports.blank_weights import blank_weights
from storage.plain_text import MAX_VOCABULARY, NotText, is_plain, read_text

_HALF_PRECISION = 7  # compute capability from which load_checkpoint chooses fp16


@dataclass(frozen=True)
class F5Files:
    """A loadable checkpoint on this disk, and what is known of it. No vocoder folder means the hub's."""

    name: str
    model: Path
    backbone: str
    arch: dict[str, Any]
    vocab: Path | None
    vocoder: Path | None
    sha256: str
    license: str
    note: str
    languages: tuple[str, ...] = ()


def load_model(f5: Any, files: F5Files, device: str) -> Any:
    """Load the model onto the device. Raises CheckpointUnusable, and the failures of the device."""
    import f5_tts.model
    import torch
    from safetensors import SafetensorError

    backbone = getattr(f5_tts.model, files.backbone, None)
    if backbone is None:
        raise CheckpointUnusable(
            f"checkpoint {files.name!r} asks for the backbone {files.backbone!r}, which f5-tts hasn't; its checkpoint.json names it",
            checkpoint=files.name,
        )
    try:
        # Allocated where they will be: in the machine's memory they would only be made and moved. Its load_state_dict is strict.
        with torch.device(device), blank_weights(), _plain(files) as vocab:
            model = f5.load_model(
                backbone,
                files.arch,
                str(files.model),
                mel_spec_type="vocos",
                vocab_file=vocab,
                device=device,
            )
        return model.eval()
    except (RuntimeError, LookupError, TypeError, ValueError, AssertionError, SafetensorError) as error:
        if failure_of(error, device) is not None:
            raise
        raise CheckpointUnusable(
            f"checkpoint {files.name!r} does not load into its architecture ({type(error).__name__}); inspect the file and its config",
            checkpoint=files.name,
        ) from error


@contextmanager
def _plain(files: F5Files) -> Iterator[str]:
    """The path of the vocabulary as f5_tts reads one, UTF-8 without a byte order mark; '' for its own. Raises CheckpointUnusable."""
    if files.vocab is None or is_plain(files.vocab):
        yield str(files.vocab or "")
        return
    try:
        text = read_text(files.vocab, MAX_VOCABULARY)
    except NotText as error:
        raise CheckpointUnusable(f"the vocab.txt of checkpoint {files.name!r} can't be read: {error}") from error
    with TemporaryDirectory(prefix="vocab-") as folder:
        copy = Path(folder) / "vocab.txt"
        copy.write_bytes(text.encode())
        yield str(copy)


def weights_of(model: Any, vocoder: Any, device: str) -> Weights:
    """The model, in the dtype that f5_tts's `load_checkpoint` chooses, and the vocoder, which it leaves in fp32."""
    import torch

    half = (
        device.startswith("cuda")
        and torch.cuda.get_device_properties(device).major >= _HALF_PRECISION
        and not torch.cuda.get_device_name().endswith("[ZLUDA]")
    )
    dtypes = {"model": torch.float16 if half else torch.float32, "vocoder": torch.float32}
    for key, mel in mel_modules().items():
        check_placed({"mel": mel}, key.rpartition("_")[2], {})
    return Weights({"model": model, "vocoder": vocoder}, device, dtypes)


def mel_modules() -> dict[str, Any]:
    """f5_tts's own mel modules, one per device, by a key that ends in the device; they outlive every model."""
    from f5_tts.model import modules

    cache: dict[str, Any] = modules.vocos_mel_stft_cache
    return cache
