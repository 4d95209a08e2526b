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


def begin_and_end(early: Early[Thing], name: str) -> None:
    early.begin(name)
    early._flights[name]._thread.join(PATIENCE_S)


def test_what_is_there_is_kept_for_who_will_take_it() -> None:
    """A job may wait for the GPU long after its files have come, and others begin to fetch theirs: each is fetched once."""
    slow = Slow()
    slow.go_on.set()
    early = Early(slow, most=2)

    begin_and_end(early, "one")
    begin_and_end(early, "two")

    assert (early.take("one").name, early.take("two").name, slow.begun) == ("one", "two", ["one", "two"])


def test_what_was_fetched_for_nobody_is_let_go() -> None:
    """The oldest first, when more have been fetched than jobs can wait: no file is held for ever for a job that is gone."""
    things: list[weakref.ref[Thing]] = []

    def fetch(name: str) -> Thing:
        thing = Thing(name)
        things.append(weakref.ref(thing))
        return thing

    early = Early(fetch, most=1)
    for name in ("one", "two", "three"):
        begin_and_end(early, name)
    gc.collect()

    assert [thing() is None for thing in things] == [True, False, False]


def test_what_is_there_is_looked_at_anew_for_the_next_who_begins() -> None:
    """The files behind a name may have been replaced since."""
    slow = Slow()
    slow.go_on.set()
    early = Early(slow, most=2)

    begin_and_end(early, "one")
    begin_and_end(early, "one")
    early.take("one")

    assert slow.begun == ["one", "one"]


def test_an_old_failure_is_not_kept() -> None:
    """The next who begins anything forgets it: who takes then tries again."""
    slow = Slow()
    slow.go_on.set()
    slow.failure = OSError("no such bucket")
    early = Early(slow, most=2)
    begin_and_end(early, "one")
    slow.failure = None

    begin_and_end(early, "two")

    assert early.take("one").name == "one"


def test_a_fetch_keeps_no_process_alive() -> None:
    """A worker that is told to stop doesn't wait for gigabytes."""
    slow = Slow()
    early = Early(slow)

    early.begin("one")

    assert early._flights["one"]._thread.daemon
    slow.go_on.set()
    early.take("one")
