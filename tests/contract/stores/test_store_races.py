"""Many writers on one key, on a folder and on a real S3 server over HTTP."""

import threading
from collections.abc import Callable
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from cloning.ports import AlreadyExists, Changed, ObjectStore
from storage.folder_store import FolderStore

TEXT = "text/plain; charset=utf-8"
BYTES = "application/octet-stream"
RACERS = 6
ROUNDS = 5


def create_once(store: ObjectStore, number: int) -> bool:
    """Whether this racer created the object."""
    try:
        store.create("prize", str(number).encode(), content_type=TEXT)
    except AlreadyExists:
        return False
    return True


def count_up(store: ObjectStore, number: int) -> int:
    """Increment the counter ROUNDS times, each on the version that was read; return how often another writer was faster."""
    done, lost = 0, 0
    while done < ROUNDS:
        current = store.get("counter")
        body = str(int(current.body) + 1).encode()
        try:
            store.replace("counter", body, etag=current.etag, content_type=TEXT)
            done += 1
        except Changed:
            lost += 1
    return lost


def race(pool: Executor, racer: Callable[[ObjectStore, int], int], store: ObjectStore) -> list[int]:
    return list(pool.map(racer, [store] * RACERS, range(RACERS)))


def test_one_of_many_racing_creates_wins(any_store: ObjectStore) -> None:
    """Of many threads that create one key exactly one succeeds, and its bytes are stored."""
    with ThreadPoolExecutor(RACERS) as pool:
        won = race(pool, create_once, any_store)

    assert sum(won) == 1
    assert any_store.get("prize").body == str(won.index(True)).encode()


def test_racing_replaces_lose_no_update(any_store: ObjectStore) -> None:
    """Threads that read, count and replace, and start over when another was faster, reach the full sum."""
    any_store.create("counter", b"0", content_type=TEXT)

    with ThreadPoolExecutor(RACERS) as pool:
        race(pool, count_up, any_store)

    assert any_store.get("counter").body == str(RACERS * ROUNDS).encode()


def test_a_folder_is_as_atomic_between_processes(tmp_path: Path) -> None:
    """The same holds between processes on one folder."""
    store = FolderStore(tmp_path)
    store.create("counter", b"0", content_type=TEXT)

    with ProcessPoolExecutor(3, mp_context=get_context("spawn")) as pool:
        won = race(pool, create_once, store)
        race(pool, count_up, store)

    assert sum(won) == 1
    assert store.get("counter").body == str(RACERS * ROUNDS).encode()


def test_a_reader_sees_whole_versions_while_they_are_replaced(any_store: ObjectStore) -> None:
    """A reader never sees a mixture of two versions, or nothing."""
    bodies = [bytes([number]) * 50_000 for number in range(4)]
    any_store.put("x", bodies[0], content_type=BYTES)
    writer = threading.Thread(target=lambda: [any_store.put("x", body, content_type=BYTES) for body in bodies * 5])
    writer.start()

    seen = [any_store.get("x").body for _ in range(20)]
    writer.join()

    assert set(seen) <= set(bodies)
