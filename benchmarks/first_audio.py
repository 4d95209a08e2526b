"""
How soon a text of ten chunks can be heard: `python -m benchmarks.first_audio`.

The small checkpoint speaks the same text through both doors, in one run: through the bridge in front of a local queue (`make serve`), and
through a worker that answers HTTP itself (SERVE=http). The seconds are from the request to the first byte of sound, and to its last.
"""

import argparse
import http.client
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchmarks.report import RESULTS, about, save
from local.talker import CFG_STRENGTH, STEPS, find_talker

ROOT = Path(__file__).resolve().parent.parent
CHUNKS = 10
MOST = 0.25
PARAGRAPH = "Mary has a thousand fish and a hundred dogs. My friend made the perfect hat last night."
BRIDGE, DIRECT = "bridge in front of a queue", "worker that answers HTTP"
FIRST, WHOLE, OF_WHOLE, MADE = "to the first byte, s", "to the whole, s", "first of whole", "chunks"


def environment(folder: Path, **more: str) -> dict[str, str]:
    """Of a worker with the small checkpoint; the folder is its bucket."""
    told = {"DATA_DIR": str(folder / "bucket"), "MODEL_CACHE_DIR": str(folder / "models"), "PYTHONPATH": "client"}
    return {**os.environ, **told, **more}


@contextmanager
def started(arguments: list[str], surroundings: dict[str, str], folder: Path) -> Iterator["subprocess.Popen[str]"]:
    """A program of ours; it is asked to end with the block."""
    with (
        (folder / f"{arguments[-1].replace('/', '-')}.log").open("w") as log,
        subprocess.Popen(
            [sys.executable, *arguments], cwd=ROOT, env=surroundings, stdout=subprocess.PIPE, stderr=log, text=True
        ) as process,
    ):
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


@contextmanager
def bridge(folder: Path) -> Iterator[str]:
    """`make serve`'s address."""
    with started(["-m", "local.serve", "--port", "0"], environment(folder), folder) as process:
        assert process.stdout is not None
        yield process.stdout.readline().removeprefix("serving ").strip()


@contextmanager
def direct(folder: Path) -> Iterator[str]:
    """The address of a worker with its own port, whose model is loaded. (The bridge has stored the voices.)"""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = int(taken.getsockname()[1])
    told = {"SERVE": "http", "PORT": str(port), "PRELOAD": "1", "CHECKPOINT": str(find_talker().folder)}
    url = f"http://127.0.0.1:{port}"
    with started(["handler.py"], environment(folder, **told), folder):
        while status(f"{url}/ping") != http.client.OK:
            time.sleep(0.1)
        yield url


def status(url: str) -> int:
    """Of a GET; 0 if nobody answers."""
    try:
        with answered("GET", url) as response:
            return response.status
    except OSError:
        return 0


@contextmanager
def answered(method: str, url: str, body: Any = None) -> Iterator[http.client.HTTPResponse]:
    """A response whose headers are here."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=600)
    try:
        connection.request(method, parts.path, json.dumps(body), {"Content-Type": "application/json"})
        yield connection.getresponse()
    finally:
        connection.close()


def speech(url: str, text: str, job_id: str) -> dict[str, float]:
    """Speak once; the seconds, and how many chunks were made."""
    fields = {"input": text, "voice": "slt", "response_format": "pcm", "job_id": job_id}
    begun = time.monotonic()
    values = {"nfe_step": STEPS, "cfg_strength": CFG_STRENGTH}
    with answered("POST", f"{url}/v1/audio/speech", {**fields, **values}) as response:
        assert response.status == http.client.OK, response.read()
        response.read(1)
        first = time.monotonic() - begun
        response.read()
    whole = time.monotonic() - begun
    with answered("GET", f"{url}/v1/audio/jobs/{job_id}") as response:
        made = len(json.loads(response.read())["result"]["manifest"]["chunks"])
    return {FIRST: first, WHOLE: whole, OF_WHOLE: first / whole, MADE: made}


def measured(doors: dict[str, str], text: str, rounds: int) -> dict[str, dict[str, float]]:
    """Medians of both ways, one after the other in each round, after a short speech of each that doesn't count."""
    for url in doors.values():
        speech(url, PARAGRAPH, "warm")
    spent: dict[str, list[dict[str, float]]] = {name: [] for name in doors}
    for number in range(rounds):
        for place, (name, url) in enumerate(doors.items()):
            spent[name].append(speech(url, text, f"first-{place}-{number}"))
    return {
        name: {what: round(statistics.median(one[what] for one in found), 3) for what in found[0]}
        for name, found in spent.items()
    }


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.first_audio", description="How soon a text is heard.")
    parser.add_argument("--rounds", type=int, default=3, help="speeches through each door (default 3)")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder for the report")
    options = parser.parse_args()
    text = "\n\n".join([PARAGRAPH] * CHUNKS)
    with tempfile.TemporaryDirectory(prefix="bench-") as name, ExitStack() as doors:
        folder = Path(name)
        urls = {BRIDGE: doors.enter_context(bridge(folder)), DIRECT: doors.enter_context(direct(folder))}
        found = measured(urls, text, options.rounds)
        report = {
            "what": "seconds from a request of /v1/audio/speech to its first and last byte, small checkpoint; medians",
            **about(folder),
            "rounds": options.rounds,
            "first_audio": found,
            "holds": {
                **{f"{door}: first <= {MOST} of the whole": one[OF_WHOLE] <= MOST for door, one in found.items()},
                f"the text has {CHUNKS} chunks or more": all(one[MADE] >= CHUNKS for one in found.values()),
            },
        }
    save(report, options.results, "first-audio", [{"through": door, **one} for door, one in found.items()])


if __name__ == "__main__":
    main()
