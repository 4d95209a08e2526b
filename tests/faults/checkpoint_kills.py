"""
Kill workers at random moments while they fetch, repair or publish a checkpoint.

`python -m tests.faults.checkpoint_kills --times 200 --seed 0` kills that many with SIGKILL and checks after each: the bucket names only
whole files, the next start ends with a verified file, nothing is left over, and a fresh machine gets the same file. In every other
round the bucket is a real S3 server (rclone) and files are sent in small parts. The exit code is 0 if all of that held.
"""

import argparse
import hashlib
import itertools
import json
import logging
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from cloning import keys
from cloning.ports import ObjectStore
from engines.tiny import make_checkpoint
from model_cache.background import Errands
from model_cache.cache import CheckpointCache
from model_cache.catalog import CARD
from model_cache.copies.published import Published, key_of
from model_cache.copies.shelf import Shelf
from model_cache.library import Library
from model_cache.progress import unwatched
from s3_utils import S3Store, s3_client
from storage.bulk import sha256_of
from storage.folder_store import FolderStore
from tests.conftest import ROOT
from tests.machines import errands_done
from tests.servers import Server, rclone

NAME = "mine"
log = logging.getLogger(__name__)
PHASES = ("fetch", "repair", "publish")
PART_BYTES = 200_000


@dataclass(frozen=True)
class Truth:
    """A checkpoint as its owner has it, and the digest of the loadable file that it must become."""

    folder: Path
    sha256: str


class Cloud:
    """A bucket and a machine's cache folder, prepared for one phase."""

    def __init__(self, connect: Callable[[], ObjectStore], folder: Path) -> None:
        self._connect = connect
        self.store = connect()
        self.folder = folder

    def reconnect(self) -> None:
        """A forked child shares its parent's connections, and two processes on one connection confuse each other: open new ones."""
        self.store = self._connect()

    def pull(self, machine: str) -> str:
        """The digest of that machine's loadable file, by its bytes, after publishing as a worker does."""
        errands = Errands()
        cache = CheckpointCache(self.store, self.folder / machine, later=errands.add)
        found = cache.local(Library(self.store).find(NAME))
        errands.begin()
        errands_done()
        return sha256_of(found.model_path)

    def prepare(self, phase: str, truth: Truth) -> None:
        """Prepare the phase: nothing repaired yet, all of it published, or a copy in place that nobody has published."""
        for path in truth.folder.rglob("*"):
            if path.is_file():
                key = f"{keys.checkpoint_folder(NAME)}{path.relative_to(truth.folder).as_posix()}"
                self.store.upload(key, path, content_type="application/octet-stream")
        if phase == "fetch":
            self.pull("another")
        if phase == "publish":
            self.pull("victim")
            for mark in (self.folder / "victim" / NAME).glob("*.published-*"):
                mark.unlink()
            for info in [*self.store.list(f"{keys.checkpoint_folder(NAME)}")]:
                if len(info.key.split("/")[2]) == 64:
                    self.store.delete(info.key)

    def faults(self, truth: Truth) -> Iterator[str]:
        """List what is wrong after a kill."""
        yield from self._bad_names("after the kill")
        if self.pull("victim") != truth.sha256:
            yield "the next start ended with another file"
        yield from self._bad_names("after the next start")
        hidden = [path.name for path in (self.folder / "victim" / NAME).glob(".*")]
        if hidden:
            yield f"left over: {hidden}"
        if self.pull("fresh") != truth.sha256:
            yield "a fresh machine got another file"
        if [record.sha256 for _, record in Shelf(self.folder / "fresh", NAME).copies()] != [truth.sha256]:
            yield "a fresh machine has another copy"

    def _bad_names(self, when: str) -> Iterator[str]:
        for record in Published(self.store, unwatched).records(NAME):
            for name, facts in record.files.items():
                body = self.store.get(key_of(record, name)).body
                if hashlib.sha256(body).hexdigest() != facts.sha256:
                    yield f"{when} the bucket names a bad {name}"


def killed(cloud: Cloud, after_s: float) -> bool:
    """Run a process that pulls and kill it after that time; False if it had finished."""
    child = os.fork()
    if child == 0:
        try:
            cloud.reconnect()
            cloud.pull("victim")
        finally:
            os._exit(0)
    time.sleep(after_s)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def calm_seconds(cloud: Cloud) -> float:
    """How long the same takes undisturbed, in a process of its own."""
    begun = time.monotonic()
    child = os.fork()
    if child == 0:
        cloud.reconnect()
        cloud.pull("victim")
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if status:
        raise RuntimeError("an undisturbed pull failed")
    return time.monotonic() - begun


@contextmanager
def clouds(folder: Path) -> Iterator[Iterator[tuple[str, Cloud]]]:
    """Empty clouds without end, on a folder and on an S3 server by turns; each is removed before the next."""
    (folder / "s3").mkdir()
    with rclone(folder / "s3") as server:

        def make() -> Iterator[tuple[str, Cloud]]:
            for n in itertools.count():
                place = folder / f"cloud-{n}"
                kind = ("folder", "s3")[n // len(PHASES) % 2]
                connect = partial(_s3, server, n) if kind == "s3" else partial(FolderStore, place / "bucket")
                if kind == "s3":
                    s3_client(server.settings(f"bucket-{n}")).create_bucket(Bucket=f"bucket-{n}")
                yield kind, Cloud(connect, place)
                shutil.rmtree(place, ignore_errors=True)

        yield make()


def _s3(server: Server, n: int) -> S3Store:
    bucket = f"bucket-{n}"
    return S3Store(bucket, s3_client(server.settings(bucket)), part_bytes=PART_BYTES, threads=2)


def owners_folder(folder: Path) -> Path:
    """A small checkpoint whose keys need repair, under its owner's name."""
    shutil.copytree(make_checkpoint(ROOT / ".cache" / "tiny"), folder)
    card = json.loads((folder / CARD).read_text()) | {"name": NAME}
    (folder / CARD).write_text(json.dumps(card))
    return folder


def run(times: int, seed: int) -> tuple[Counter[str], list[str]]:
    """(kills by phase and store, what was wrong)"""
    drawn = random.Random(seed)  # noqa: S311 - moments, not secrets
    hits: Counter[str] = Counter()
    wrong: list[str] = []
    longest: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="kills-") as name, clouds(Path(name)) as supply:
        folder = Path(name)
        truth = Truth(owners_folder(folder / "owner"), "")
        for (kind, cloud), phase in zip(supply, itertools.cycle(PHASES), strict=False):
            if not truth.sha256:
                cloud.prepare("repair", truth)
                truth = Truth(truth.folder, cloud.pull("calm"))
                shutil.rmtree(cloud.folder / "calm")
            cloud.prepare(phase, truth)
            what = f"{phase} {kind}"
            if what not in longest:
                longest[what] = calm_seconds(cloud)
                continue
            after_s = drawn.uniform(0, longest[what])
            if killed(cloud, after_s):
                hits[what] += 1
            faults = [f"{what} killed after {after_s * 1000:.0f} ms: {fault}" for fault in cloud.faults(truth)]
            wrong += faults
            log.info("%d/%d %s after %.0f ms: %s", sum(hits.values()), times, what, after_s * 1000, faults or "ok")
            if sum(hits.values()) >= times:
                return hits, wrong
    return hits, wrong


def main() -> None:
    """Run the command line; the counts go to stdout as JSON."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.checkpoint_kills", description=__doc__)
    parser.add_argument("--times", type=int, default=200, help="how many workers are killed (default 200)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (default 0)")
    parser.add_argument("--verbose", action="store_true", help="say how each kill went")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO if arguments.verbose else logging.ERROR, format="%(message)s")
    logging.getLogger("model_cache").setLevel(logging.ERROR)
    hits, wrong = run(arguments.times, arguments.seed)
    json.dump({"kills": dict(hits), "wrong": wrong}, sys.stdout, indent=2)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
