"""What is fetched ahead: once, waited for by who needs it, in nobody's way."""

import gc
import threading
import weakref
from concurrent.futures import wait

import pytest

from engines.device.prefetch import Prefetch
from tests.standins.desk import wait_until

PATIENCE_S = 30


class Thing:
    def __init__(self, name: str) -> None:
        self.name = name


class Slow:
    """A fetch that ends when it is let; `begun` holds the names asked for."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.keep_going = threading.Event()
        self.failure: Exception | None = None

    def __call__(self, name: str) -> Thing:
        self.begun.append(name)
        assert self.keep_going.wait(PATIENCE_S)
        if self.failure:
            raise self.failure
        return Thing(name)


def test_what_is_on_its_way_is_not_fetched_again() -> None:
    """Begun twice and taken once: one fetch, and its thing."""
    slow = Slow()
    early = Prefetch(slow)

    with early.ahead("one"), early.ahead("one"):
        threading.Timer(0.01, slow.keep_going.set).start()
        taken = early.take("one")

    assert taken.name == "one"
    assert slow.begun == ["one"]


def test_a_failure_is_raised_where_the_thing_is_needed() -> None:
    """Not before, and for the next who needs it it is tried again."""
    slow = Slow()
    slow.failure = OSError("no such bucket")
    early = Prefetch(slow)
    slow.keep_going.set()

    with early.ahead("one"), pytest.raises(OSError, match="no such bucket"):
        early.take("one")
    slow.failure = None

    assert early.take("one").name == "one"
    assert slow.begun == ["one", "one"]


def test_what_nobody_begun_is_fetched_by_who_needs_it() -> None:
    """In that one's own thread."""
    threads: list[str] = []
    early = Prefetch[str, None](lambda _: threads.append(threading.current_thread().name))

    early.take("one")

    assert threads == [threading.current_thread().name]


def wait_for(early: Prefetch[str, Thing], name: str) -> None:
    wait([early._flights[name]])


def test_what_is_there_is_kept_for_who_will_take_it() -> None:
    """A job may wait for the GPU long after its files have come, and others begin to fetch theirs: each is fetched once."""
    slow = Slow()
    slow.keep_going.set()
    early = Prefetch(slow)

    with early.ahead("one"), early.ahead("two"):
        wait_for(early, "one")
        wait_for(early, "two")
        taken = early.take("one").name, early.take("two").name

    assert (taken, slow.begun) == (("one", "two"), ["one", "two"])


def test_what_was_fetched_for_a_job_that_is_gone_is_let_go() -> None:
    """Nobody holds the files then: a cache may evict them. While another job may take the same, they stay."""
    things: list[weakref.ref[Thing]] = []

    def fetch(name: str) -> Thing:
        thing = Thing(name)
        things.append(weakref.ref(thing))
        return thing

    early = Prefetch(fetch)
    with early.ahead("one"):
        wait_for(early, "one")
        with early.ahead("two"):
            wait_for(early, "two")
        gc.collect()
        alive = [thing() is not None for thing in things]
    gc.collect()

    assert alive == [True, False]
    assert [thing() for thing in things] == [None, None]


def test_a_failure_goes_with_the_job_that_had_it() -> None:
    """Without waiting for a garbage collection: who takes the thing later, unannounced, fetches it, and isn't given an old failure."""
    slow = Slow()
    slow.keep_going.set()
    slow.failure = OSError("no such bucket")
    early = Prefetch(slow)

    gc.disable()
    try:
        with early.ahead("one"):
            wait_for(early, "one")
            slow.failure = None
        wait_until(lambda: "one" not in early._flights)  # its thread may be about to end
    finally:
        gc.enable()

    assert early.take("one").name == "one"


def test_what_is_there_is_looked_at_anew_for_the_next_who_begins() -> None:
    """The files behind a name may have been replaced since; an old failure may have passed."""
    slow = Slow()
    slow.keep_going.set()
    slow.failure = OSError("no such bucket")
    early = Prefetch(slow)

    with early.ahead("one"):
        wait_for(early, "one")
        slow.failure = None
        with early.ahead("one"):
            taken = early.take("one")

    assert taken.name == "one"
    assert slow.begun == ["one", "one"]


def test_a_fetch_that_cannot_be_started_keeps_nobody_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever needs the thing fetches it then."""

    def fail(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    early = Prefetch(Thing)
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", fail)
        with pytest.raises(RuntimeError, match="can't start new thread"), early.ahead("one"):
            pytest.fail("the block was entered")

    assert early.take("one").name == "one"


def test_a_fetch_keeps_no_process_alive() -> None:
    """A worker that is told to stop doesn't wait for gigabytes."""
    slow = Slow()
    early = Prefetch(slow)

    with early.ahead("one"):
        is_daemon = all(one.daemon for one in threading.enumerate() if one.name == "early")
        slow.keep_going.set()
        early.take("one")

    assert is_daemon
