"""One model at a time: loaded once, let go when asked, brought back whole."""

import gc
import weakref
from collections.abc import Callable

import pytest

from cloning.clock import Timings
from cloning.errors import DeviceMismatch, GpuOutOfMemory, HubUnavailable
from engines.device.lazy import Lazy


class Model:
    """A model that can be dropped."""

    def __init__(self, name: str) -> None:
        self.name = name


class ParkableModel(Model):
    """A model that can leave its device; `resume` and `park` may be made to fail."""

    worth_parking = True

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.where = "device"
        self.failure: Exception | None = None

    def park(self) -> None:
        if self.failure:
            raise self.failure
        self.where = "host"

    def resume(self) -> None:
        if self.failure:
            raise self.failure
        self.where = "device"


def lazy(load: Callable[[str, str | None], Model], events: list[str] | None = None) -> Lazy[Model]:
    told = [] if events is None else events
    return Lazy(
        lambda name, device, _: load(name, device),
        describe=lambda model: {"kind": type(model).__name__},
        make_room=lambda: told.append("room"),
        free=lambda: told.append("free"),
    )


def test_a_model_is_loaded_once_and_another_name_takes_its_place() -> None:
    """Two never share the memory: the old one is gone, and what it held given back, before the new one comes."""
    events: list[str] = []
    alive: list[weakref.ref[Model]] = []

    def load(name: str, device: str | None) -> Model:
        events.append(f"load {name} {device}")
        assert [one for one in alive if one() is not None] == []
        model = Model(name)
        alive.append(weakref.ref(model))
        return model

    models = lazy(load, events)
    assert models.get("a") is models.get("a")
    models.get("b")
    models.get("b", device="cpu")

    assert events == ["room", "load a None", "free", "room", "load b None", "free", "room", "load b cpu"]


def test_what_can_be_parked_is_and_comes_back() -> None:
    """The same model, not loaded again; nothing of it is on the device in between."""
    events: list[str] = []
    models = lazy(lambda name, _: ParkableModel(name), events)
    model = models.get("a")
    assert isinstance(model, ParkableModel)

    models.unload()
    parked = model.where
    models.unload()

    assert models.get("a") is model
    assert (parked, model.where) == ("host", "device")
    assert events == ["room", "free", "free", "room"]


@pytest.mark.parametrize("kind", [Model, ParkableModel])
def test_forgetting_leaves_nothing(kind: type[Model]) -> None:
    """Also of a parked model; without help from the garbage collector."""
    models = lazy(lambda name, _: kind(name))
    gone = weakref.ref(models.get("a"))
    gc.disable()
    try:
        models.unload()
        models.unload(forget=True)

        assert gone() is None
        assert models.loaded() is None
    finally:
        gc.enable()


def test_forgetting_frees_what_a_failed_attempt_left_in_a_cycle() -> None:
    """A traceback and its frames hold each other, and the tensors: they are collected before the device's memory is given back."""
    alive: list[bool] = []
    attempt = ParkableModel("a")
    vars(attempt)["frame"] = attempt
    gone = weakref.ref(attempt)
    models = Lazy(
        lambda name, _device, _part: Model(name),
        describe=lambda _: {},
        free=lambda: alive.append(gone() is not None),
    )
    gc.disable()
    try:
        del attempt
        models.unload(forget=True)
    finally:
        gc.enable()

    assert alive == [False]


def test_whoever_forgets_a_model_lets_go_of_what_it_kept() -> None:
    """Once for each: the next one that is loaded, or `forget`; never for one that comes back."""
    gone: list[str] = []
    models = Lazy(
        lambda name, _device, _part: ParkableModel(name), describe=lambda _: {}, let_go=lambda: gone.append("gone")
    )

    models.get("a")
    models.unload()
    models.get("a")
    parked = list(gone)
    models.get("b")
    models.unload(forget=True)
    models.unload(forget=True)

    assert (parked, gone) == ([], ["gone", "gone"])


def test_on_a_cpu_unloading_forgets() -> None:
    """There is no other memory to go to."""
    models = lazy(lambda name, _: ParkableModel(name))
    first = models.get("a")
    vars(first)["worth_parking"] = False

    models.unload()

    assert models.get("a") is not first


def test_what_comes_back_half_is_loaded_anew_once() -> None:
    """A tensor astray after a reload (the story of seed 003) costs one load from the file, and the caller nothing."""
    loads: list[str] = []

    def load(name: str, device: str | None) -> Model:
        loads.append(name)
        return ParkableModel(name)

    models = lazy(load)
    first = models.get("a")
    assert isinstance(first, ParkableModel)
    models.unload()
    first.failure = DeviceMismatch("text_embed is on cpu")

    assert models.get("a") is not first
    assert loads == ["a", "a"]


def test_what_comes_back_half_for_want_of_memory_is_dropped() -> None:
    """Half of it is there: whoever asks next gets it whole, loaded from its file, and nobody the half."""
    models = lazy(lambda name, _: ParkableModel(name))
    first = models.get("a")
    assert isinstance(first, ParkableModel)
    models.unload()
    first.failure = GpuOutOfMemory("full")

    with pytest.raises(GpuOutOfMemory):
        models.get("a")

    assert models.loaded() is None
    first.failure = None
    assert models.get("a") is not first


def test_what_is_never_whole_is_the_callers_failure() -> None:
    """Loaded twice, and no third time; the next caller begins anew."""
    loads: list[str] = []

    def load(name: str, device: str | None) -> Model:
        loads.append(name)
        raise DeviceMismatch("text_embed is on cpu")

    models = lazy(load)
    with pytest.raises(DeviceMismatch):
        models.get("a")

    assert (loads, models.loaded()) == (["a", "a"], None)


def test_a_load_that_fails_leaves_nothing() -> None:
    """The next `get` tries again."""
    failures: list[Exception] = [HubUnavailable("away")]

    def load(name: str, device: str | None) -> Model:
        if failures:
            raise failures.pop()
        return Model(name)

    models = lazy(load)
    with pytest.raises(HubUnavailable):
        models.get("a")

    assert models.get("a").name == "a"


def test_a_model_that_can_not_be_parked_is_dropped() -> None:
    """Half of it may be gone; nobody may use the rest."""
    models = lazy(lambda name, _: ParkableModel(name))
    first = models.get("a")
    assert isinstance(first, ParkableModel)
    first.failure = RuntimeError("CUDA error: unspecified launch failure")

    models.unload()

    assert models.loaded() is None
    assert models.get("a") is not first


def test_health_hears_of_what_is_held() -> None:
    """Name, seconds of loading, and what the model says of itself."""
    models = lazy(lambda name, _: Model(name))
    assert models.loaded() is None
    models.get("a")
    told = models.loaded() or {}

    assert (told["name"], told["kind"], set(told)) == ("a", "Model", {"name", "kind", "load_seconds"})


def test_health_is_told_no_path() -> None:
    """A checkpoint's folder by its last part, as everywhere."""
    models = lazy(lambda name, _: Model(name))
    models.get("/srv/models/mine")

    assert (models.loaded() or {})["name"] == "mine"


def test_a_load_tells_of_its_parts_and_a_model_that_is_there_has_none() -> None:
    """Whoever makes it load learns what took how long; the next one waits for nothing."""
    told: list[tuple[str, float]] = []

    def load(name: str, _device: str | None, part: Timings) -> Model:
        part("weights", 2.0)
        return Model(name)

    models = Lazy(load, describe=lambda _: {})
    models.get("a", part=lambda *one: told.append(one))
    models.get("a", part=lambda *one: told.append(one))

    assert told == [("weights", 2.0)]
