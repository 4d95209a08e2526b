"""Several callers of one bucket, one store call at a time, in an order that the test chooses."""

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from cloning.errors import ServiceError
from cloning.ports import ObjectInfo
from tests.standins.memory_store import Bucket, MemoryStore

T = TypeVar("T")


class SteppingStore(MemoryStore):
    """A machine's way to the bucket, on which every call waits for its turn."""

    def __init__(self, bucket: Bucket, step: Callable[[], None]) -> None:
        super().__init__(bucket)
        self._step = step

    def list(self, prefix: str = "", *, after: str = "") -> Iterator[ObjectInfo]:
        def effect() -> list[ObjectInfo]:
            return [self._info(key) for key in sorted(self.bucket.objects) if key.startswith(prefix) and key > after]

        return iter(self._call(effect))

    def _call(self, effect: Callable[[], T]) -> T:
        self._step()
        return super()._call(effect)


class _Caller:
    def __init__(self, bucket: Bucket, operation: Callable[[SteppingStore], object]) -> None:
        self.outcome: object = None
        self.is_done = False
        self._go, self._stands = threading.Semaphore(0), threading.Semaphore(0)
        self._store = SteppingStore(bucket, self._wait)
        self._thread = threading.Thread(target=self._run, args=(operation,), daemon=True)
        self._thread.start()
        assert self._stands.acquire(timeout=30)

    def move(self) -> None:
        """Go on to the next store call, or to the end."""
        self._go.release()
        assert self._stands.acquire(timeout=30)

    def _wait(self) -> None:
        self._stands.release()
        self._go.acquire()

    def _run(self, operation: Callable[[SteppingStore], object]) -> None:
        self._wait()
        try:
            self.outcome = operation(self._store)
        except ServiceError as error:
            self.outcome = error
        except Exception as error:  # noqa: BLE001 - the test tells it
            self.outcome = AssertionError(repr(error))
        self.is_done = True
        self._stands.release()


def interleaved(
    bucket: Bucket,
    operations: Sequence[Callable[[SteppingStore], object]],
    order: Sequence[int],
    check: Callable[[], None] = lambda: None,
) -> list[object]:
    """Return each operation's result or ServiceError; `check` is called between any two store calls."""
    callers = [_Caller(bucket, operation) for operation in operations]
    turns = iter(order)
    while waiting := [caller for caller in callers if not caller.is_done]:
        waiting[next(turns, 0) % len(waiting)].move()
        check()
    return [caller.outcome for caller in callers]
