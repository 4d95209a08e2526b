"""What is fetched ahead: once, waited for by who needs it, in nobody's way."""

import gc
import threading
import weakref

import pytest

from engines.early import Early

PATIENCE_S = 30


class Thing:
    def __init__(self, name: str) -> None:
        self.name = name


class Slow:
    """A fetch that ends when it is let; `begun` holds the names asked for."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.go_on = threading.Event()
        self.failure: Exception | None = None

    def __call__(self, name: str) -> Thing:
        self.begun.append(name)
        assert self.go_on.wait(PATIENCE_S)
        if self.failure:
            raise self.failure
        return Thing(name)


def test_what_is_on_its_way_is_not_fetched_again() -> None:
    """Begun twice and taken once: one fetch, and its thing."""
    slow = Slow()
    early = Early(slow)

    early.begin("one")
    early.begin("one")
    threading.Timer(0.01, slow.go_on.set).start()

    assert early.take("one").name == "one"
    assert slow.begun == ["one"]


def test_a_failure_is_raised_where_the_thing_is_needed() -> None:
    """Not before, and for the next who needs it it is tried again."""
    slow = Slow()
    slow.failure = OSError("no such bucket")
    early = Early(slow)
    slow.go_on.set()

    early.begin("one")
    with pytest.raises(OSError, match="no such bucket"):
        early.take("one")
    slow.failure = None

    assert early.take("one").name == "one"
    assert slow.begun == ["one", "one"]


def test_what_nobody_begun_is_fetched_by_who_needs_it() -> None:
    """In that one's own thread."""
    threads: list[str] = []
    early = Early(lambda _: threads.append(threading.current_thread().name))

    early.take("one")

    assert threads == [threading.current_thread().name]


def test_what_was_fetched_for_nobody_is_let_go() -> None:
    """At the next beginning, of whatever name: no file is held for a job that is gone."""
    things: list[weakref.ref[Thing]] = []

    def fetch(name: str) -> Thing:
        thing = Thing(name)
        things.append(weakref.ref(thing))
        return thing

    early = Early(fetch)
    early.begin("one")
    flight = early._flights["one"]
    flight._thread.join(PATIENCE_S)
    del flight
    early.begin("two")
    early.take("two")
    gc.collect()

    assert things[0]() is None


def test_a_fetch_keeps_no_process_alive() -> None:
    """A worker that is told to stop doesn't wait for gigabytes."""
    slow = Slow()
    early = Early(slow)

    early.begin("one")

    assert early._flights["one"]._thread.daemon
    slow.go_on.set()
    early.take("one")
