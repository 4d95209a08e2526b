"""The process around a job: time, and models that are loaded when they are needed."""

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
        """The model on that device (None: the deployment's). `part` is told of a load. Raises TranscriptionFailed, Unavailable."""

    def unload(self, *, forget: bool = False) -> None:
        """The weights leave the device, and with `forget` the process; the next `get` brings them back."""

    def loaded(self) -> dict[str, object] | None:
        """What is loaded now, for `health`; None before the first use."""


class Engines(Protocol[Found]):
    """
    Engines by the checkpoints that `check` has found, loaded at the first `get` and kept.

    A checkpoint is looked up once and handed on; what it is, is the engines' business. Only the owner of the GPU may call `get` and
    `unload`.
    """

    def check(
        self, name: str, *, engine: EngineName = "f5", commercial: bool = False, language: str | None = None
    ) -> Found:
        """
        Find the checkpoint of that name; of a loaded engine its own. Refuse, before anything costs money, one that can't be loaded or
        is not for that engine; and, if asked, weights that don't allow commercial use or don't speak that language.

        Raises InvalidRequest or its LicenseRefused, CheckpointUnusable, StorageUnavailable.
        """

    def alphabet(self, found: Found, language: str | None) -> Alphabet | None:
        """What of a text in that language reaches the model, as far as that is known without fetching or loading anything."""

    def prefetch(self, found: Found) -> AbstractContextManager[None]:
        """Bring the checkpoint's files while the block runs, for a `get` in it. Raises nothing; any thread may ask."""

    def get(self, found: Found, *, device: str | None = None, part: Timings = no_timings) -> Engine:
        """The engine on that device (None: the deployment's). `part` is told of a load. Raises CheckpointUnusable, Unavailable."""

    def unload(self, *, forget: bool = False) -> None:
        """As `Models.unload`."""

    def loaded(self) -> dict[str, object] | None:
        """As `Models.loaded`."""
