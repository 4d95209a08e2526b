"""The process around a job: time, and models that are loaded at their first use."""

from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol, TypeVar

from cloning.clock import Timings, no_timings
from cloning.names import EngineName
from cloning.ports.engine import Alphabet, Engine

Value = TypeVar("Value")
Model_co = TypeVar("Model_co", covariant=True)
Found = TypeVar("Found")


class Clock(Protocol):
    """Time, as a parameter."""

    def now(self) -> datetime:
        """The time of day, in UTC."""

    def monotonic(self) -> float:
        """Seconds that never run backwards."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


class Models(Protocol[Model_co]):
    """Models by name, loaded at the first `get` and kept. Only the owner of the GPU may call `get` and `unload`."""

    def check(self, name: str) -> object:
        """Refuse a name that can't be loaded, before anything is fetched. Raises TranscriptionFailed, CheckpointUnusable."""

    def get(self, name: str, *, device: str | None = None, part: Timings = no_timings) -> Model_co:
        """Return the model on that device (None: the deployment's). `part` gets the timing of a load. Raises TranscriptionFailed, Unavailable."""

    def unload(self, *, forget: bool = False) -> None:
        """Move the weights off the device, or with `forget` out of the process; the next `get` loads them again."""

    def loaded(self) -> dict[str, object] | None:
        """The loaded model, for `health`; None before the first use."""


class Engines(Protocol[Found]):
    """
    Engines by the checkpoints that `check` has found, loaded at the first `get` and kept.

    A checkpoint is looked up once and passed on; only the engines know what it is. Only the owner of the GPU may call `get` and
    `unload`.
    """

    def check(
        self, name: str, *, engine: EngineName = "f5", commercial: bool = False, language: str | None = None
    ) -> Found:
        """
        Find the checkpoint of that name; a loaded engine has its own. Refuse, before anything costs money, one that can't be loaded or
        is not for that engine; and, if asked, weights that don't allow commercial use or don't speak that language.

        Raises InvalidRequest or its LicenseRefused, CheckpointUnusable, StorageUnavailable.
        """

    def alphabet(self, found: Found, language: str | None) -> Alphabet | None:
        """The characters of a text in that language that reach the model, as far as that is known without fetching or loading anything."""

    def prefetch(self, found: Found) -> AbstractContextManager[None]:
        """Prefetch the checkpoint's files while the block runs, for a `get` in it. Raises nothing; any thread may call it."""

    def get(self, found: Found, *, device: str | None = None, part: Timings = no_timings) -> Engine:
        """Return the engine on that device (None: the deployment's). `part` gets the timing of a load. Raises CheckpointUnusable, Unavailable."""

    def unload(self, *, forget: bool = False) -> None:
        """As `Models.unload`."""

    def loaded(self) -> dict[str, object] | None:
        """As `Models.loaded`."""
