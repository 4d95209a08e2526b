"""One model at a time, loaded at its first use, and let go when asked. No torch here."""

import gc
import logging
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar, runtime_checkable

from cloning.clock import Part, untold
from cloning.errors import DeviceMismatch
from cloning.names import EngineName, public_name
from cloning.planning.alphabet import Alphabet

log = logging.getLogger(__name__)

Model = TypeVar("Model")


class Check(Protocol):
    """Refuses a name, weights of another engine, or weights that don't do what is asked for (see `Models.check`)."""

    def __call__(
        self, name: str, *, engine: EngineName = "f5", commercial: bool = False, language: str | None = None
    ) -> None: ...


@runtime_checkable
class Parkable(Protocol):
    """A model that can leave its device without being forgotten."""

    @property
    def worth_parking(self) -> bool: ...

    def park(self) -> None: ...

    def resume(self) -> None: ...


@dataclass
class _Held(Generic[Model]):
    name: str
    device: str | None
    model: Model
    load_seconds: float
    parked: bool = False


def _nothing() -> None:
    pass


class Lazy(Generic[Model]):
    """
    Keeps the model of the last name asked for.

    `load` is given the name, the device (None: the deployment's) and whom to tell of its parts, and may take minutes; whoever asks meanwhile waits for it and
    gets the same model. A load that fails leaves nothing, so the next `get` tries again. `make_room` is called before weights
    come to the device, `free` after some have left it; within `ahead` a model's files are brought and kept; `alphabet` tells what of a text
    a model takes, where that is known without loading it. Only the owner of the GPU calls `get` and `unload`, so no model is
    ever unloaded under its user.
    """

    def __init__(
        self,
        load: Callable[[str, str | None, Part], Model],
        *,
        check: Check,
        describe: Callable[[Model], dict[str, object]],
        make_room: Callable[[], None] = _nothing,
        free: Callable[[], None] = _nothing,
        ahead: Callable[[str], AbstractContextManager[None]] = lambda _: nullcontext(),
        alphabet: Callable[[str, str | None], Alphabet | None] = lambda *_: None,
    ) -> None:
        self._load = load
        self._check = check
        self._describe = describe
        self._make_room = make_room
        self._free = free
        self._ahead = ahead
        self.alphabet = alphabet
        self._lock = threading.Lock()
        self._held: _Held[Model] | None = None

    def check(
        self, name: str, *, engine: EngineName = "f5", commercial: bool = False, language: str | None = None
    ) -> None:
        """Raises what `load` would raise for a name that nobody knows, without loading; and what it doesn't do."""
        self._check(name, engine=engine, commercial=commercial, language=language)

    def prepared(self, name: str) -> AbstractContextManager[None]:
        """Within the block a `get` of that name may come: what can be done beside other work is begun, if the model isn't held. Any thread may ask."""
        held = self._held
        return nullcontext() if held is not None and held.name == name else self._ahead(name)

    def get(self, name: str, *, device: str | None = None, part: Part = untold) -> Model:
        """
        The model of that name, on its device. The one held before is let go first, so that two never share the memory.

        A model that is not wholly where it should be is loaded once more from its file; raises DeviceMismatch if that is no better.
        """
        with self._lock:
            try:
                return self._present(name, device, part)
            except DeviceMismatch as error:
                log.warning("model.misplaced", extra={"model": name, "tensors": error.details.get("tensors")})
            self._held = None
            self._free()
            return self._present(name, device, part)

    def unload(self, *, forget: bool = False) -> None:
        """
        The weights leave the device; the next `get` brings them back. `forget` drops the model, to be loaded from its file.

        With `forget` what failed attempts left goes too, also if no model is held.
        """
        with self._lock:
            held = self._held
            if held is not None and not held.parked:
                self._leave(held, forget=forget)
            elif forget:
                self._held = None
            if held is not None or forget:
                held = None
                if forget:
                    gc.collect()  # a traceback may hold tensors in a cycle
                self._free()

    def loaded(self) -> dict[str, object] | None:
        """What is held, for `health`; None before the first use. Never waits for a load."""
        held = self._held
        if held is None:
            return None
        return {
            "name": public_name(held.name),
            "load_seconds": round(held.load_seconds, 3),
            **self._describe(held.model),
        }

    def _present(self, name: str, device: str | None, part: Part) -> Model:
        held = self._held
        if held is not None and (held.name, held.device) == (name, device):
            return self._resumed(held) if held.parked else held.model
        held = None
        self._drop()
        self._make_room()
        begun = time.monotonic()
        model = self._load(name, device, part)
        self._held = _Held(name, device, model, time.monotonic() - begun)
        return model

    def _resumed(self, held: _Held[Model]) -> Model:
        self._make_room()
        begun = time.monotonic()
        assert isinstance(held.model, Parkable)  # noqa: S101 - nothing else is ever parked
        try:
            held.model.resume()
        except BaseException:
            self._held = None  # half of it may be there: nothing of it may be used
            raise
        held.parked = False
        log.info("model.resumed", extra={"model": held.name, "seconds": round(time.monotonic() - begun, 3)})
        return held.model

    def _leave(self, held: _Held[Model], *, forget: bool) -> None:
        if not forget and isinstance(held.model, Parkable) and held.model.worth_parking:
            held.parked = True
            try:
                held.model.park()
            except Exception as error:  # noqa: BLE001 - half of it may be gone: nothing of it may be used
                log.warning("model.not_parked", extra={"model": held.name, "kind": type(error).__name__})
                self._held = None
        else:
            self._held = None
        log.info("model.unloaded", extra={"model": held.name, "parked": self._held is not None})

    def _drop(self) -> None:
        if self._held is not None:
            self._held = None
            self._free()
