"""One model at a time, loaded at its first use, and let go when asked. No torch here."""

import gc
import logging
import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

from cloning.clock import Timings, no_timings
from cloning.errors import DeviceMismatch
from cloning.names import public_name

log = logging.getLogger(__name__)

Model = TypeVar("Model")


@runtime_checkable
class Parkable(Protocol):
    """A model that can leave its device without being forgotten."""

    @property
    def worth_parking(self) -> bool: ...

    def park(self) -> None: ...

    def resume(self) -> None: ...


@dataclass
class _Held(Generic[Model]):
    name: Hashable
    device: str | None
    model: Model
    load_seconds: float
    parked: bool = False


def _nothing() -> None:
    pass


class Lazy(Generic[Model]):
    """
    Keeps the model of the last name asked for.

    `load` is given the name, the device (None: the deployment's) and whom to tell of its parts, and may take
    minutes; whoever asks meanwhile waits for it and gets the same model. A load that fails leaves nothing, so the next `get` tries
    again. `make_room` is called before weights come to the device, `free` after some have left it, `let_go` once a model is
    forgotten. Only the owner of the GPU calls `get` and `unload`, so no model is ever unloaded under its user.
    """

    def __init__(
        self,
        load: Callable[[Any, str | None, Timings], Model],
        *,
        describe: Callable[[Model], dict[str, object]],
        make_room: Callable[[], None] = _nothing,
        free: Callable[[], None] = _nothing,
        let_go: Callable[[], None] = _nothing,
    ) -> None:
        self._load = load
        self._describe = describe
        self._make_room = make_room
        self._free = free
        self._let_go = let_go
        self._lock = threading.Lock()
        self._held: _Held[Model] | None = None

    def get(self, name: Hashable, *, device: str | None = None, part: Timings = no_timings) -> Model:
        """
        The model of that name, on its device. The one held before is let go first, so that two never share the memory.

        A model that is not wholly where it should be is loaded once more from its file; raises DeviceMismatch if that is no better.
        """
        with self._lock:
            try:
                return self._present(name, device, part)
            except DeviceMismatch as error:
                log.warning("model.misplaced", extra={"model": str(name), "tensors": error.details.get("tensors")})
            self._forget()
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
                self._forget()
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
            "name": public_name(str(held.name)),
            "load_seconds": round(held.load_seconds, 3),
            **self._describe(held.model),
        }

    def _present(self, name: Hashable, device: str | None, part: Timings) -> Model:
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
            self._forget()  # half of it may be there: nothing of it may be used
            raise
        held.parked = False
        log.info("model.resumed", extra={"model": str(held.name), "seconds": round(time.monotonic() - begun, 3)})
        return held.model

    def _leave(self, held: _Held[Model], *, forget: bool) -> None:
        if not forget and isinstance(held.model, Parkable) and held.model.worth_parking:
            held.parked = True
            try:
                held.model.park()
            except Exception as error:  # noqa: BLE001 - half of it may be gone: nothing of it may be used
                log.warning("model.not_parked", extra={"model": str(held.name), "kind": type(error).__name__})
                self._forget()
        else:
            self._forget()
        log.info("model.unloaded", extra={"model": str(held.name), "parked": self._held is not None})

    def _drop(self) -> None:
        if self._held is not None:
            self._forget()
            self._free()

    def _forget(self) -> None:
        if self._held is not None:
            self._held = None
            self._let_go()
