"""
The whole service on one's own machine: `make serve`.

A local queue, the real worker loop in a process of its own, and in front of them the OpenAI speech API and the page. A folder that
is kept stands in for the bucket. A small checkpoint speaks (local/talker.py), unless CHECKPOINT names another; its two prompts are
stored as voices.
"""

import argparse
import asyncio
import os
import signal
import subprocess
import sys
from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from f5_worker_client import AsyncClient
from f5_worker_client.bridge import Bridge

from http_api.options import Options
from local.job import Rules
from local.talker import CFG_STRENGTH, STEPS, Talker, find_talker
from local.whisper import make_whisper
from local.worker import LocalEndpoint, WorkerProcess, local_endpoint

ROOT = Path(__file__).resolve().parent.parent
CONSENT = "A synthetic voice of the speech synthesiser flite, whose licence allows every use."
LANGUAGE = "en"
_LOOK_S = 0.25
_BEFORE_THE_NEXT_S = 1.0
_GRACE_S = 3
_MOST_FAILURES = 3


@dataclass(frozen=True)
class Plan:
    """What is served: the worker's settings, the fields for each generate that doesn't set them, and the path of the worker's log."""

    settings: Mapping[str, str]
    defaults: Mapping[str, Any]
    log: Path
    why: str


def plan_of(environment: Mapping[str, str], cache: Path, talker: Talker, port: int) -> Plan:
    """Make the plan; DATA_DIR, CHECKPOINT and ASR_MODEL are read from the environment."""
    own = environment.get("CHECKPOINT", "").strip()
    bucket = Path(environment.get("DATA_DIR", "").strip() or cache / "serve" / "bucket").resolve()
    whisper = environment.get("ASR_MODEL", "").strip() or str(make_whisper(cache / "whisper-base"))
    settings = {
        "SERVE": "queue",
        "DATA_DIR": str(bucket),
        "MODEL_CACHE_DIR": str(cache / "models"),
        "HF_HOME": str(cache / "hub"),
        "CHECKPOINT": own or str(talker.folder),
        "ASR_MODEL": whisper,
        "STOP_GRACE_S": str(_GRACE_S),
        "WORKER_CONCURRENCY": "4",  # a cancel must not wait behind two speeches
    }
    toy = "a SMALL CHECKPOINT speaks, a toy that knows 500 words and two voices: not what F5-TTS sounds like"
    defaults = {} if own else {"nfe_step": STEPS, "cfg_strength": CFG_STRENGTH}
    return Plan(settings, defaults, cache / "serve" / f"worker-{port}.log", f"{own or toy}; the bucket is {bucket}")


async def serve(plan: Plan, talker: Talker, *, port: int, stop: asyncio.Event) -> None:
    """Serve until `stop` is set. Raises OSError if the port is taken, and SystemExit if no worker stays alive."""
    with local_endpoint(rules=Rules(execution_timeout_s=86_400, redeliver_after_s=5)) as endpoint:
        async with _worker(endpoint, plan) as failed, _client(endpoint) as client:
            bridge = Bridge(client, defaults=plan.defaults)
            if await _before(_with_voices(bridge, talker), stop, failed):
                async with _open(bridge, talker, port) as url:
                    sys.stdout.write(f"serving {url}\n")
                    sys.stdout.flush()
                    await _before(stop.wait(), stop, failed)


def _client(endpoint: LocalEndpoint) -> AsyncClient:
    return AsyncClient(url=f"{endpoint.url}/{endpoint.endpoint_id}", api_key=endpoint.api_key)


@asynccontextmanager
async def _open(bridge: Bridge, talker: Talker, port: int) -> AsyncIterator[str]:
    from http_api.app import make_app
    from http_api.serving import serving

    options = Options(default_voice=next(iter(talker.prompts)), has_page=True)
    async with serving(make_app(bridge, options), host="127.0.0.1", ports=[port]) as url:
        yield url


async def _before(work: Coroutine[Any, Any, object], stop: asyncio.Event, failed: "asyncio.Task[None]") -> bool:
    """Whether the work finished before somebody stopped it. Raises what the worker's keeper raises, if that comes first."""
    working, stopped = asyncio.ensure_future(work), asyncio.create_task(stop.wait())
    await asyncio.wait({working, stopped, failed}, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if working.done():
        await working
        return True
    working.cancel()
    if failed.done():
        await failed
    return False


@asynccontextmanager
async def _worker(endpoint: LocalEndpoint, plan: Plan) -> AsyncIterator["asyncio.Task[None]"]:
    """Keep a worker running within the block, and start another one whenever it dies. Yields the keeper, which ends only by failing."""
    # Under a dead one's name the queue would take the next one for it, and not give its job away.
    names = (f"worker-{number}" for number in count(1))
    plan.log.parent.mkdir(parents=True, exist_ok=True)
    plan.log.unlink(missing_ok=True)

    def start() -> WorkerProcess:
        return endpoint.worker(
            ROOT / "handler.py", log=plan.log, worker_id=next(names), cwd=plan.log.parent, extra=plan.settings
        )

    keeper = asyncio.create_task(keep_running(start))
    try:
        yield keeper
    finally:
        keeper.cancel()
        await asyncio.gather(keeper, return_exceptions=True)


async def keep_running(start: Callable[[], WorkerProcess]) -> None:
    """Start a worker whenever there is none. Raises SystemExit if several in a row exit with a failure."""
    failures = 0
    while True:
        with start() as worker:
            await _ended(worker)
        failures = failures + 1 if (worker.returncode or 0) > 0 else 0  # one that was struck down has failed at nothing
        if failures >= _MOST_FAILURES:
            raise SystemExit(f"the worker ends with exit status {worker.returncode}; its log is {worker.log}")
        sys.stderr.write(f"the worker has ended ({worker.returncode}); another one starts, the log is {worker.log}\n")
        await asyncio.sleep(_BEFORE_THE_NEXT_S)


async def _ended(worker: WorkerProcess) -> None:
    """Wait for a worker's end. If the program ends, ask the worker to stop, and give it its time to do so."""
    try:
        while worker.returncode is None:  # noqa: ASYNC110 - a process has no event
            await asyncio.sleep(_LOOK_S)
    except asyncio.CancelledError:
        worker.terminate()
        with suppress(subprocess.TimeoutExpired):
            await asyncio.to_thread(worker.wait, _GRACE_S + 1)
        raise


async def _with_voices(bridge: Bridge, talker: Talker) -> None:
    """Store the checkpoint's prompts as voices, unless they exist. Raises SystemExit if that is refused."""
    for name, prompt in talker.prompts.items():
        audio = b64encode(prompt.recording.read_bytes()).decode()
        told = {"voice": name, "audio": audio, "consent": CONSENT, "language": LANGUAGE, "transcript": prompt.words}
        reply = await bridge.call({"action": "upload", **told})
        if "error" in reply and reply["code"] != "VOICE_EXISTS":
            raise SystemExit(f"the voice {name!r} could not be stored: {reply['error']}")


async def _run(port: int) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    talker = find_talker()
    plan = plan_of(os.environ, ROOT / ".cache", talker, port)
    sys.stderr.write(f"{plan.why}\n")
    try:
        await serve(plan, talker, port=port, stop=stop)
    except OSError as error:
        raise SystemExit(f"port {port} can't be listened on ({error.strerror}): make serve PORT=8081") from None


def main() -> None:
    """The command line of `make serve`."""
    parser = argparse.ArgumentParser(prog="python -m local.serve", description="The whole service on this machine.")
    parser.add_argument("--port", type=int, default=8080, help="port; 0 takes a free one (default: %(default)s)")
    asyncio.run(_run(parser.parse_args().port))


if __name__ == "__main__":
    main()
