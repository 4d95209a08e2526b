"""
A probe whether the store honours conditional writes.

Job and voice records are created with If-None-Match and replaced with If-Match. A store that ignores the conditions does so
silently: the later writer wins. So the worker tries it once, at its start, in the background; `health` reports the outcome, and
jobs read before they write if the store ignores conditions.
"""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

from cloning import keys
from cloning.errors import ServiceError, StorageUnavailable
from cloning.ports import AlreadyExists, Changed, ObjectStore

log = logging.getLogger(__name__)

_TRIES = 5
_LONGEST_WAIT_S = 10.0
Mode = Literal["honoured", "ignored", "unknown"]


class Conditions:
    """The result of the probe of conditional writes. Thread-safe."""

    def __init__(self, store: ObjectStore, new_id: Callable[[], str]) -> None:
        self._store = store
        self._new_id = new_id
        self._lock = threading.Lock()
        self.mode: Mode = "unknown"

    @contextmanager
    def probed_in_background(self) -> Iterator[None]:
        """
        Run the probe in a thread during the block.

        The end of the block waits for the outcome for a while: a process that exits after one job would leave the probe's object.
        """
        thread = threading.Thread(target=self._probe_if_it_works, name="conditions", daemon=True)
        thread.start()
        try:
            yield
        finally:
            thread.join(_LONGEST_WAIT_S)

    def probe(self) -> Mode:
        """Return the mode; the first call finds it out with five small requests. Raises what the store raises."""
        with self._lock:
            if self.mode == "unknown":
                self.mode = "honoured" if self._are_honoured() else "ignored"
                log.info("store.conditional_writes", extra={"mode": self.mode})
            return self.mode

    def _probe_if_it_works(self) -> None:
        try:
            self.probe()
        except ServiceError as error:  # any use of the store fails too, and reports it
            log.warning("store.not_probed", extra={"code": error.code})

    def _are_honoured(self) -> bool:
        for _ in range(_TRIES):
            key = keys.probe(self._new_id())
            try:
                etag = self._store.create(key, b"1", content_type="text/plain")
                self._store.replace(key, b"2", etag=etag, content_type="text/plain")
                return self._refuses_to_create(key) and self._refuses_to_replace(key, etag)
            except (AlreadyExists, Changed):  # our own write, retried because its reply was lost: try again
                continue
            finally:
                self._store.delete(key)
        raise StorageUnavailable(
            "the bucket's conditional writes could not be tested: replies were lost repeatedly; try again"
        )

    def _refuses_to_create(self, key: str) -> bool:
        try:
            self._store.create(key, b"3", content_type="text/plain")
        except AlreadyExists:
            return True
        return False

    def _refuses_to_replace(self, key: str, outdated: str) -> bool:
        try:
            self._store.replace(key, b"4", etag=outdated, content_type="text/plain")
        except Changed:
            return True
        return False
