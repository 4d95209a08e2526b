"""`f5-worker`, or `python -m f5_worker_client`."""

import asyncio
import os
import sys
from collections.abc import Mapping, Sequence

import httpx

from f5_worker_client.address import key_for
from f5_worker_client.cli import commands
from f5_worker_client.cli.console import Console
from f5_worker_client.cli.options import parser
from f5_worker_client.cli.serve import serve
from f5_worker_client.client import AsyncClient, Client
from f5_worker_client.errors import ClientError
from f5_worker_client.queue import Patience

_INTERRUPTED = 130


def main() -> None:
    """The command line."""
    sys.exit(run(sys.argv[1:], os.environ))


def run(arguments: Sequence[str], environment: Mapping[str, str], transport: httpx.MockTransport | None = None) -> int:
    """Run one command; return the exit code. Tests pass a transport of their own."""
    options = parser().parse_args(arguments)
    console = Console(as_json=options.json, quiet=options.quiet)
    url = options.url or (None if options.endpoint else environment.get("F5_URL"))
    endpoint = options.endpoint or (None if url else environment.get("F5_ENDPOINT"))
    key, patience = key_for(url, environment) or "", Patience(timeout_s=options.timeout)
    try:
        if options.command in ("speak", "serve"):
            client_of_many = AsyncClient(endpoint, api_key=key, url=url, patience=patience, transport=transport)
            return asyncio.run(_at_once(client_of_many, options, console, environment))
        with Client(endpoint, api_key=key, url=url, patience=patience, transport=transport) as client:
            return commands.COMMANDS[options.command](client, options, console)
    except ClientError as error:
        console.failed(error)
        if options.command == "speak" and error.code in ("JOB_FAILED", "JOB_CANCELLED"):
            console.remark("that job has ended for good: --again makes another one")
        return error.exit_code
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python would fail once more at its end
        return 0
    except KeyboardInterrupt:
        console.remark(
            "stopped waiting; a job that was sent goes on: the same command finds it, `f5-worker cancel` ends it"
        )
        return _INTERRUPTED


async def _at_once(
    client: AsyncClient, options: commands.Options, console: Console, environment: Mapping[str, str]
) -> int:
    """The commands that run several requests at the same time."""
    async with client:
        if options.command == "serve":
            return await serve(client, options, console, environment)
        return await commands.speak(client, options, console)


if __name__ == "__main__":
    main()
