"""
The one place that imports f5_tts's inference code.

`f5_tts.model` imports its trainer, and the trainer imports wandb, accelerate, datasets and ema_pytorch: hundreds of megabytes
that inference never uses and that are not installed here. So a placeholder stands in for `f5_tts.model.trainer`.

Of what its modules import at their tops, speaking a sentence of a voice with a known transcript uses little. UNUSED waits for its
first use (engines/imports/deferred.py), and is the real thing from then on: Chinese text imports pypinyin, `transcribe` imports
transformers. docs/decisions/0016-imports.md has what it saves; benchmarks/imports.py measures it.

`f5_tts.infer.utils_infer` prints what it does, the text that it speaks included, to stdout, which belongs to the caller. Its
name `print` is shadowed, and so is each `show_info=print` default; what it says goes to the log at DEBUG. Nothing of the
process is redirected, so that other threads keep their stdout.

Two effects of the import remain, as f5_tts makes them: PYTORCH_ENABLE_MPS_FALLBACK is set, and one folder joins sys.path.
"""

import builtins
import importlib
import inspect
import logging
import sys
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from types import ModuleType

from cloning.clock import Timings, no_timings, timed
from cloning.process_lock import one_import_at_a_time, warnings_kept
from engines.imports.deferred import deferred

INFERENCE = "f5_tts.infer.utils_infer"
TRAINER = "f5_tts.model.trainer"

UNUSED = (
    "matplotlib",  # utils_infer: a picture of the spectrogram
    "librosa",  # modules: mel filters of BigVGAN; it brings numba and scikit-learn
    "transformers",  # utils_infer: speech recognition
    "pypinyin",  # utils: Chinese
    "scipy",  # torchdiffeq: its adaptive solvers; vocos: an inverse MDCT
    "encodec",  # vocos: another feature extractor
    "einx",  # x_transformers: of which f5_tts takes the rotary embedding alone
    "loguru",  # x_transformers: two warnings
    "huggingface_hub",  # utils_infer, vocos: a vocoder without a folder
)

_NOISE = (
    # (category, message, module): what the import is known to warn of; anything else is news and gets through.
    (
        Warning,
        "invalid escape sequence|.* is an invalid escape sequence",
        ".*pydub",
    ),  # while its files are first compiled
    (DeprecationWarning, "'audioop' is deprecated", "pydub"),
    (RuntimeWarning, "Couldn't find ffmpeg or avconv", "pydub"),  # audio reaches f5_tts as WAV, which needs no ffmpeg
    (DeprecationWarning, "`torch.jit.script` is deprecated", "torch"),  # vocos and its friends decorate with it
)

_log = logging.getLogger(__name__)


class TrainerPlaceholder:
    """Stands in for `f5_tts.model.trainer.Trainer`; using it raises ImportError."""

    def __init__(self, *_args: object, **_kwargs: object) -> None:
        raise ImportError(
            "this is a placeholder for f5_tts.model.trainer.Trainer: the worker only infers, and leaves the trainer's packages "
            "out. To train, use an environment of its own with `pip install f5-tts` (wandb, accelerate, datasets, ema_pytorch)"
        )


def import_f5() -> ModuleType:
    """
    `f5_tts.infer.utils_infer`, quiet; imported at the first call (about 10 s on two cores), the same module ever after.

    Safe to call from several threads. Raises ImportError if f5_tts or something that it infers with is not installed.
    """
    with one_import_at_a_time():
        module = sys.modules.get(INFERENCE)
        if module is None or vars(module).get("print") is not log_instead_of_print:
            module = _import_without_trainer()
            _quieten(module)
        return module


@contextmanager
def importing_f5(part: Timings = no_timings) -> Iterator[None]:
    """
    Within the block the import runs beside it: it computes while a checkpoint is fetched. What it raises `import_f5` raises again.

    `part` is told of `import`.
    """

    def work() -> None:
        with timed(part, "import"):
            import_f5()

    with ThreadPoolExecutor(1, thread_name_prefix="import") as beside:
        beside.submit(work)
        yield


def log_instead_of_print(*values: object, **_kwargs: object) -> None:
    """Has the signature of `print`; the values go to the log at DEBUG (they may hold the text being spoken)."""
    _log.debug("f5_tts_said", extra={"said": " ".join(map(str, values)).strip()})


def _import_without_trainer() -> ModuleType:
    placeholder = ModuleType(TRAINER, TrainerPlaceholder.__doc__)
    vars(placeholder)["Trainer"] = TrainerPlaceholder
    sys.modules.setdefault(TRAINER, placeholder)
    with warnings_kept():
        for category, message, module in _NOISE:
            warnings.filterwarnings("ignore", message=message, category=category, module=module)
        # torch comes first: what it looks for on its own behalf should be the real thing.
        for package in ("torch", "torchaudio"):
            importlib.import_module(package)
        with deferred(*UNUSED):
            return importlib.import_module(INFERENCE)


def _quieten(module: ModuleType) -> None:
    vars(module)["print"] = log_instead_of_print
    for _, function in inspect.getmembers(module, inspect.isfunction):
        if function.__defaults__:
            function.__defaults__ = tuple(
                log_instead_of_print if value is builtins.print else value for value in function.__defaults__
            )
