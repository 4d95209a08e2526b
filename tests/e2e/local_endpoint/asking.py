"""Handlers that do what a test asks of them, workers that run them, and plain HTTP requests to the local endpoint."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import requests

from local.worker import LocalEndpoint, WorkerProcess

# One script, several handlers: HANDLER picks a plain or a generator one, CONCURRENCY the jobs at a time.
HANDLER = """
import asyncio, os, pathlib, time
import runpod

met = asyncio.Event()
meeting, failed = set(), set()

async def handler(job):
    do, id = job["input"]["do"], job["id"]
    if do == "echo":
        return job["input"]
    if do == "raise":
        raise ValueError("broken on purpose")
    if do == "fail once":
        if id in failed:
            return {"attempt": 2}
        failed.add(id)
        return {"error": "not yet", "hint": "retry"}
    if do == "bytes":
        return {"audio": b"can't be JSON"}
    if do == "nan":
        return {"loudness": float("nan")}
    if do == "large":
        return {"audio": "x" * job["input"]["bytes"]}
    if do == "meet":
        meeting.add(id)
        if len(meeting) == job["input"]["parties"]:
            met.set()
        await met.wait()
        return {"met": len(meeting)}
    if do == "refresh":
        return {"refresh_worker": True, "done": True}
    if do == "wait":
        return await wait(job)

async def wait(job):
    pathlib.Path("started-" + job["id"]).touch()
    runpod.serverless.progress_update(job, {"chunks": "1/2"})
    try:
        while not pathlib.Path("release").exists():
            await asyncio.sleep(0.02)
    except asyncio.CancelledError:
        pathlib.Path("cancelled-" + job["id"]).touch()
        raise
    return {"chunks": "2/2", "worker": os.environ["RUNPOD_POD_ID"]}

def parts(job):
    for n in range(job["input"]["parts"]):
        yield {"n": n}

if __name__ == "__main__":
    concurrency = int(os.environ.get("CONCURRENCY", "1"))
    chosen = parts if os.environ.get("HANDLER") == "parts" else handler
    scale = lambda current: concurrency
    runpod.serverless.start({"handler": chosen, "concurrency_modifier": scale, "return_aggregate_stream": True})
"""


T = TypeVar("T")


def eventually(ask: Callable[[], T | None], *, seconds: float = 60.0) -> T:
    """Wait for the first answer that isn't empty; fail after `seconds`."""
    end = time.monotonic() + seconds
    while not (answer := ask()):
        assert time.monotonic() < end, "nothing came in time"
        time.sleep(0.02)
    return answer


def start(endpoint: LocalEndpoint, folder: Path, worker_id: str = "worker-1", **extra: str) -> WorkerProcess:
    return endpoint.worker(
        folder / "handler.py", log=folder / f"{worker_id}.log", worker_id=worker_id, cwd=folder, extra=extra
    )


def raw(
    endpoint: LocalEndpoint,
    method: str,
    path: str,
    *,
    key: bytes | None = None,
    headers: dict[str, str] | None = None,
    **options: Any,
) -> requests.Response:
    """Send a request as any HTTP client would, with the endpoint's key unless another is given."""
    url = f"{endpoint.url}/{endpoint.endpoint_id}/{path}"
    sent: dict[str, Any] = {
        "Authorization": f"Bearer {endpoint.api_key}" if key is None else key,
        "Connection": "close",
    }
    return requests.request(method, url, headers=sent | (headers or {}), timeout=30, **options)


def ask(do: str, **fields: object) -> dict[str, object]:
    return {"input": {"do": do, **fields}}
