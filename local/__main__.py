"""Serve RunPod's queue locally until Ctrl-C: `python -m local --port 8000`. Prints what clients and workers need on stderr."""

import argparse
import asyncio
import logging
import secrets
import shlex
import signal
import sys
import tempfile
from pathlib import Path

from local.job import Rules
from local.server import LOOPBACK, Api, serving
from local.worker import new_queue, worker_environment


def main(arguments: list[str] | None = None) -> None:
    """Serve one endpoint until SIGINT or SIGTERM."""
    options = _options().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, stream=sys.stderr)
    asyncio.run(_serve(options))


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local", description="RunPod's queue on this machine.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8000, help="port; 0 takes a free one (default: %(default)s)")
    parser.add_argument("--endpoint-id", default="local", help="the endpoint's id (default: %(default)s)")
    parser.add_argument(
        "--api-key",
        default=secrets.token_urlsafe(24),
        help="the key that clients and workers send (default: a new one)",
    )
    parser.add_argument(
        "--poll-s", type=float, default=5.0, help="how long a worker's request for jobs is held, in seconds"
    )
    parser.add_argument(
        "--redeliver-after-s", type=float, help="give a silent worker's job to another worker after so many seconds"
    )
    return parser


async def _serve(options: argparse.Namespace) -> None:
    queue = new_queue(Rules(redeliver_after_s=options.redeliver_after_s))
    hosts = LOOPBACK if options.host in LOOPBACK else None
    api = Api(queue, endpoint_id=options.endpoint_id, api_key=options.api_key, poll_s=options.poll_s, hosts=hosts)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    with tempfile.TemporaryDirectory(prefix="worker-home-", ignore_cleanup_errors=True) as home:
        async with serving(api.application(), host=options.host, port=options.port) as port:
            sys.stderr.write(_advice(options, port, Path(home)))
            await stop.wait()


def _advice(options: argparse.Namespace, port: int, home: Path) -> str:
    url = f"http://{options.host}:{port}/v2"
    environment = worker_environment(url, options.endpoint_id, "worker-1", home=home, api_key=options.api_key)
    exports = "".join(f"  export {name}={shlex.quote(value)}\n" for name, value in environment.items())
    return (
        f"Endpoint {options.endpoint_id!r} is at {url}\n"
        f"A worker needs, in its own shell (each worker another RUNPOD_POD_ID; an empty HOME, because the SDK reads a key from there):\n{exports}"
        "and S3_BUCKET or DATA_DIR, CHECKPOINT, ASR_MODEL; where no model hub can be reached, after one `make demo`:\n"
        "  export DATA_DIR=data CHECKPOINT=local/talker ASR_MODEL=.cache/whisper-base\n"
        f"and then, in the project's folder: {sys.executable} -u handler.py\n"
        f"f5-worker needs:\n  export F5_URL={shlex.quote(url.removesuffix('/v2'))} F5_API_KEY={shlex.quote(options.api_key)}\n"
        f"Another client needs runpod.api_key = {options.api_key!r} and:\n  export RUNPOD_ENDPOINT_BASE_URL={shlex.quote(url)}\n"
        f"or curl -X POST {url}/{options.endpoint_id}/runsync -H 'Authorization: Bearer {options.api_key}' "
        f'-H \'Content-Type: application/json\' -d \'{{"input": {{"action": "health"}}}}\'\n'
    )


if __name__ == "__main__":
    main()
