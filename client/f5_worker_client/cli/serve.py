"""`f5-worker serve`: the OpenAI speech API and the page in front of an endpoint. The endpoint's key stays on this machine."""

import argparse
import asyncio
import signal
from collections.abc import Mapping
from typing import TYPE_CHECKING

from f5_worker_client.cli.console import Console
from f5_worker_client.client import AsyncClient
from f5_worker_client.errors import InvalidRequest

if TYPE_CHECKING:
    from http_api.options import Options

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_ANYWHERE = ("0.0.0.0", "::")  # noqa: S104 - compared; nobody is bound there without a key


async def serve(
    client: AsyncClient, options: argparse.Namespace, console: Console, environment: Mapping[str, str]
) -> int:
    """Serve until Ctrl-C or SIGTERM. Raises InvalidRequest if it can't start."""
    try:
        from f5_worker_client.bridge import Bridge
        from http_api.app import make_app
        from http_api.serving import serving
    except ImportError as missing:
        raise InvalidRequest("INVALID_REQUEST", _not_installed(missing)) from None
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    app = make_app(Bridge(client), http_options(options, environment))
    try:
        async with serving(app, host=options.host, ports=[options.port]) as url:
            console.result([f"serving {url}"], {"serving": url})
            await stop.wait()
    except OSError as error:
        where = f"{options.host}:{options.port}"
        raise InvalidRequest("INVALID_REQUEST", f"{where} can't be listened on: {error.strerror}") from None
    return 0


def _not_installed(missing: ImportError) -> str:
    return (
        f"serve needs packages that are not installed (there is no {missing.name}): pip install '.[serve]' brings them"
    )


def http_options(options: argparse.Namespace, environment: Mapping[str, str]) -> "Options":
    """The options of the HTTP interface. Raises InvalidRequest if others can reach it and there is no key for them to send."""
    from http_api.options import Options

    key = (options.api_key or environment.get("API_KEY", "")).strip() or None
    if key is not None and not (key.isascii() and key.isprintable()):
        message = "--api-key (or API_KEY) has characters that callers can't send in a header: choose one of ASCII's letters and digits"
        raise InvalidRequest("INVALID_REQUEST", message)
    is_private = options.host in _LOOPBACK
    if not is_private and key is None:
        raise InvalidRequest(
            "INVALID_REQUEST",
            f"--host {options.host} lets other machines spend your endpoint's money: set --api-key (or API_KEY), "
            "which callers send as a bearer token, or leave --host out",
        )
    host = options.host.lower()
    named = {*_LOOPBACK[:2], "[::1]", *map(str.lower, options.allow_host)}
    is_any = options.host in _ANYWHERE and not options.allow_host
    return Options(
        api_key=key,
        hosts=None if is_any else frozenset(named if is_private or options.host in _ANYWHERE else {*named, host}),
        aliases=dict(options.voice_alias),
        default_voice=options.default_voice,
        has_page=True,
    )
