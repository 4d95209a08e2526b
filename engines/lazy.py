"""One model at a time, loaded at its first use. No torch here."""

import threading
import time
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from cloning.names import EngineName

Model = TypeVar("Model")


class Check(Protocol):
    """Refuses a name, weights of another engine, or weights that don't do what is asked for (see `Models.check`)."""

    def __call__(
        self, name: str, *, engine: EngineName = "f5", commercial: bool = False, language: str | None = None
    ) -> None: ...


class Lazy(Generic[Model]):
    """
    Keeps the model of the last name asked for.

    `load` may take minutes; whoever asks meanwhile waits for it and gets the same model. A load that fails leaves nothing, so
    the next `get` tries again.
    """

    def __init__(
        self,
        load: Callable[[str], Model],
        *,
        check: Check,
        describe: Callable[[Model], dict[str, object]],
    ) -> None:
        self._load = load
        self._check = check
        self._describe = describe
        self._lock = threading.Lock()
        self._held: tuple[str, Model, float] | None = None

    def check(
        self, name: str, *, engine: EngineName = "f5", commercial: bool = False, language: str | None = None
    ) -> None:
        """Raises what `load` would raise for a name that nobody knows, without loading; and what it doesn't do."""
        self._check(name, engine=engine, commercial=commercial, language=language)

    def get(self, name: str) -> Model:
        """The model of that name. The one held before is let go first, so that two never share the memory."""
        with self._lock:
            if self._held is None or self._held[0] != name:
                self._held = None
                begun = time.monotonic()
                model = self._load(name)
                self._held = (name, model, time.monotonic() - begun)
            return self._held[1]

    def loaded(self) -> dict[str, object] | None:
        """What is held, for `health`; None before the first use. Never waits for a load."""
        held = self._held
        return None if held is None else {"name": held[0], "load_seconds": round(held[2], 3), **self._describe(held[1])}
