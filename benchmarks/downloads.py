"""
One large object from an S3 server on this machine, compared with other clients: `python -m benchmarks.downloads`.

Rounds are interleaved and each client runs in a separate process, so that memory and CPU are measured for each; the seconds are
those of the transfer, without the client's start if it is Python. Only ours also checks the sha256 while the parts arrive. Server
and client share this machine's processors, so only the ratios are meaningful elsewhere. Programs that are not installed are listed
as missing. `--bin DIR` adds a folder of programs (s5cmd, aws, localbucket).
"""

import argparse
import hashlib
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.machine import MIB, say
from benchmarks.report import RESULTS, about, save
from cloning.settings import Settings
from s3_utils import s3_client
from storage.bulk import sha256_of

ROOT = Path(__file__).resolve().parent.parent
KEY = "checkpoint/model.safetensors"
BUCKET = "bench"
ACCESS, SECRET = "loopback-key-id", "loopback-secret-key"

OURS = """
import sys, time
from pathlib import Path
from cloning.settings import Settings
from s3_utils import S3Store
store = S3Store.from_settings(Settings())
store.check()
begun = time.monotonic()
store.download(sys.argv[1], Path(sys.argv[2]), sha256=sys.argv[3])
print(time.monotonic() - begun)
"""
BOTO3 = """
import sys, time
from cloning.settings import Settings
from s3_utils import s3_client
client = s3_client(Settings())
client.list_objects_v2(Bucket="bench", MaxKeys=1)
begun = time.monotonic()
client.download_file("bench", sys.argv[1], sys.argv[2])
print(time.monotonic() - begun)
"""


class Client:
    """A way to fetch the object: a command line, and whether it reports its own seconds."""

    def __init__(self, name: str, command: list[str] | None, *, tells: bool = False) -> None:
        self.name = name
        self.command = command
        self.tells = tells
        self.runs: list[dict[str, float]] = []

    def run(self, target: Path, environment: dict[str, str]) -> None:
        """One download, measured; the bytes are proved outside of the clock."""
        assert self.command is not None
        target.unlink(missing_ok=True)
        begun = time.monotonic()
        with subprocess.Popen(self.command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            told = process.stdout.read()
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        wall = time.monotonic() - begun
        if process.returncode:
            raise RuntimeError(f"{self.name} ended with {process.returncode}")
        cpu = used.ru_utime + used.ru_stime
        seconds = float(told.split()[-1]) if self.tells else wall
        self.runs.append({"seconds": seconds, "cpu_s": cpu, "peak_mib": used.ru_maxrss / 1024})


@contextmanager
def server(kind: str, folder: Path, programs: str) -> Iterator[str]:
    """Run a server on a folder whose subfolders are buckets; yield its address."""
    port = _free_port()
    address = f"127.0.0.1:{port}"
    if kind == "rclone":
        program = shutil.which("rclone", path=programs) or ""
        words = ["serve", "s3", "--addr", address, "--auth-key", f"{ACCESS},{SECRET}", "--config", "", str(folder)]
    else:
        program = shutil.which("localbucket", path=programs) or ""
        words = ["--port", str(port), str(folder)]
    if not program:
        raise FileNotFoundError(kind)
    process = subprocess.Popen([program, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        time.sleep(1.5)
        yield f"http://{address}"
    finally:
        process.kill()
        process.wait()


def clients(endpoint: str, digest: str, target: Path, programs: str) -> list[Client]:
    """Everything that is compared; a missing program has no command."""
    settings = Settings(
        s3_bucket=BUCKET, aws_endpoint_url=endpoint, aws_access_key_id=ACCESS, aws_secret_access_key=SECRET
    )
    url = s3_client(settings).generate_presigned_url(
        "get_object", Params={"Bucket": BUCKET, "Key": KEY}, ExpiresIn=3600
    )

    def program(name: str, *words: str) -> list[str] | None:
        found = shutil.which(name, path=programs)
        return [found, *words] if found else None

    python = sys.executable
    where = ["--endpoint-url", endpoint]
    return [
        Client("ours", [python, "-c", OURS, KEY, str(target), digest], tells=True),
        Client("boto3, its defaults", [python, "-c", BOTO3, KEY, str(target)], tells=True),
        Client("s5cmd", program("s5cmd", *where, "cp", f"s3://{BUCKET}/{KEY}", str(target))),
        Client(
            "aws cli", program("aws", *where, "s3", "cp", "--only-show-errors", f"s3://{BUCKET}/{KEY}", str(target))
        ),
        Client("curl, one stream", program("curl", "-s", "-f", "-o", str(target), url)),
    ]


def compare(kind: str, folder: Path, size: int, rounds: int, programs: str) -> dict[str, Any]:
    """The medians of each client on one server."""
    source, target = folder / kind / BUCKET / KEY, folder / "target"
    source.parent.mkdir(parents=True)
    digest = _random_file(source, size)
    with server(kind, folder / kind, programs) as endpoint:
        environment = {
            **os.environ, "S3_BUCKET": BUCKET, "AWS_ENDPOINT_URL": endpoint, "AWS_ACCESS_KEY_ID": ACCESS,
            "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true", "PYTHONPATH": str(ROOT),
        }  # fmt: skip
        all_of_them = clients(endpoint, digest, target, programs)
        present = [client for client in all_of_them if client.command]
        order = random.Random(0)  # noqa: S311 - the order of the rounds
        for number in range(rounds + 1):  # the first one warms the page cache and isn't counted
            for client in order.sample(present, len(present)):
                client.run(target, environment)
                say(f"{kind} {number}/{rounds} {client.name}: {client.runs[-1]['seconds']:.2f} s")
                if number == 0:
                    assert sha256_of(target) == digest, client.name
                    client.runs.clear()
    target.unlink()
    shutil.rmtree(folder / kind)
    return {
        "clients": {client.name: _summary(client, size) for client in present},
        "missing": [client.name for client in all_of_them if not client.command],
    }


def _summary(client: Client, size: int) -> dict[str, Any]:
    seconds = [run["seconds"] for run in client.runs]
    median = statistics.median(seconds)
    return {
        "median_s": round(median, 3),
        "all_s": [round(each, 3) for each in seconds],
        "mb_per_s": round(size / median / 1e6),
        "cpu_s": round(statistics.median(run["cpu_s"] for run in client.runs), 2),
        "peak_mib": round(max(run["peak_mib"] for run in client.runs)),
        "clock": "the transfer" if client.tells else "the whole process",
    }


def rows_of(servers: dict[str, Any]) -> list[dict[str, object]]:
    """One line for each client of each server that was there."""
    return [
        {
            "server": server,
            "client": client,
            "median, s": one["median_s"],
            "MB/s": one["mb_per_s"],
            "CPU s": one["cpu_s"],
        }
        for server, found in servers.items()
        for client, one in found.get("clients", {}).items()
    ]


def _random_file(path: Path, size: int) -> str:
    digest = hashlib.sha256()
    with path.open("wb") as file:
        for begin in range(0, size, MIB):
            chunk = os.urandom(min(MIB, size - begin))
            digest.update(chunk)
            file.write(chunk)
    return digest.hexdigest()


def _free_port() -> int:
    import socket

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def main() -> None:
    """One JSON object, and a file of it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.downloads", description=__doc__)
    parser.add_argument("--mib", type=int, default=1024, help="size of the object (default 1024)")
    parser.add_argument("--rounds", type=int, default=5, help="measured rounds (default 5)")
    parser.add_argument("--folder", type=Path, help="folder for the files (default: the system's temporary folder)")
    parser.add_argument("--bin", type=Path, help="a folder with s5cmd, aws and localbucket")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the report")
    arguments = parser.parse_args()
    here = str(Path(sys.executable).parent)
    programs = os.pathsep.join(filter(None, [str(arguments.bin or ""), here, os.environ.get("PATH", "")]))
    servers: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="downloads-", dir=arguments.folder) as name:
        for kind in ("rclone", "localbucket"):
            try:
                found = compare(kind, Path(name), arguments.mib * MIB, arguments.rounds, programs)
            except FileNotFoundError:
                found = {"missing": [kind]}
            servers[kind] = found
        report = {
            "what": "one large object from an S3 server on this machine",
            "object_mib": arguments.mib,
            **about(Path(name)),
            "servers": servers,
        }
    save(report, arguments.out, "downloads", rows_of(servers))


if __name__ == "__main__":
    main()
