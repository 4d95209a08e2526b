"""
The only module that imports f5_tts's inference code.

`f5_tts.model` imports its trainer, and the trainer imports wandb, accelerate, datasets and ema_pytorch: hundreds of megabytes
that inference never uses and that are not installed here. So a placeholder stands in for `f5_tts.model.trainer`.

Speech with a known transcript uses little of what f5_tts's modules import at their tops. The packages in UNUSED are deferred to
their first use (engines/imports/deferred.py), and real from then on: Chinese text imports pypinyin, `transcribe` imports
transformers. docs/decisions/0016-imports.md states what this saves; benchmarks/imports.py measures it.

`f5_tts.infer.utils_infer` prints its progress, including the spoken text, to stdout, which belongs to the caller. Its name
`print` is shadowed, and so is each `show_info=print` default; the output goes to the log at DEBUG. Nothing is redirected for the
process, so other threads keep their stdout. Its threads are shadowed in the same way.

Two effects of the import remain, as f5_tts makes them: PYTORCH_ENABLE_MPS_FALLBACK is set, and one folder joins sys.path.
"""

import builtins
import importlib
import inspect
import logging
import sys
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from cloning.clock import Timings, no_timings, timed
from cloning.process_lock import one_import_at_a_time, warnings_kept
from engines.imports.deferred import deferred

INFERENCE = "f5_tts.infer.utils_infer"
TRAINER = "f5_tts.model.trainer"

UNUSED = (
    "matplotlib",  # utils_infer: a picture of the spectrogram
    "librosa",  # modules: mel filters of BigVGAN; it imports numba and scikit-learn
    "transformers",  # utils_infer: speech recognition
    "pypinyin",  # utils: Chinese
    "scipy",  # torchdiffeq: its adaptive solvers; vocos: an inverse MDCT
    "encodec",  # vocos: another feature extractor
    "einx",  # x_transformers, of which f5_tts uses only the rotary embedding
    "loguru",  # x_transformers: two warnings
    "huggingface_hub",  # utils_infer, vocos: a vocoder without a folder
)

_NOISE = (
    # (category, message, module): the import's known warnings; any other warning is shown.
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
            "out. To train, use a separate environment with `pip install f5-tts` (wandb, accelerate, datasets, ema_pytorch)"
        )


def import_f5() -> ModuleType:
    """
    Import `f5_tts.infer.utils_infer`, silenced, at the first call (about 10 s on two cores); later calls return the same module.

    Thread-safe. Raises ImportError if f5_tts or a package that its inference needs is not installed.
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
    Run the import in a thread during the block, for instance while a checkpoint is fetched. `import_f5` raises its errors again.

    `part` receives the duration of `import`.
    """

    def work() -> None:
        with timed(part, "import"):
            import_f5()

    with ThreadPoolExecutor(1, thread_name_prefix="import") as beside:
        beside.submit(work)
        yield


class InlineExecutor(Executor):
    """
    Stands in for the ThreadPoolExecutor in which upstream speaks chunks: the work is done by whoever submits it.

    cuDNN keeps its plans per thread, and never frees them: each new thread would make them anew, and leave them behind.
    """

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - `result` raises it
            future.set_exception(error)
        return future


def log_instead_of_print(*values: object, **_kwargs: object) -> None:
    """Log the values at DEBUG (they may hold the spoken text); the signature is `print`'s."""
    _log.debug("f5_tts_said", extra={"said": " ".join(map(str, values)).strip()})


def _import_without_trainer() -> ModuleType:
    placeholder = ModuleType(TRAINER, TrainerPlaceholder.__doc__)
    vars(placeholder)["Trainer"] = TrainerPlaceholder
    sys.modules.setdefault(TRAINER, placeholder)
    with warnings_kept():
        for category, message, module in _NOISE:
            warnings.filterwarnings("ignore", message=message, category=category, module=module)
        # torch comes first: it must find the real packages, not stand-ins.
        for package in ("torch", "torchaudio"):
            importlib.import_module(package)
        with deferred(*UNUSED):
            return importlib.import_module(INFERENCE)


def _quieten(module: ModuleType) -> None:
    vars(module)["print"] = log_instead_of_print
    vars(module)["ThreadPoolExecutor"] = InlineExecutor
    for _, function in inspect.getmembers(module, inspect.isfunction):
        if function.__defaults__:
            function.__defaults__ = tuple(
                log_instead_of_print if value is builtins.print else value for value in function.__defaults__
            )
