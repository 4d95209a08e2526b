"""
Firefox, driven by WebDriver BiDi over its own port.

Playwright needs its own build of Firefox; with Debian's it stops at a command (emulation.setMediaFeaturesOverride) that 153 lacks.
"""

import asyncio
import itertools
import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

FIREFOX = shutil.which("firefox-esr") or shutil.which("firefox")
PREFERENCES = {
    "media.navigator.streams.fake": True,
    "media.navigator.permission.disabled": True,
    "datareporting.policy.dataSubmissionEnabled": False,
    "app.update.enabled": False,
}
_LISTENS = re.compile(rb"WebDriver BiDi listening on (ws://\S+)")


class Firefox:
    """A browser with one page."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket, self._numbers, self._page = socket, itertools.count(1), ""

    async def open(self, url: str) -> None:
        """Load a page."""
        await self._send("session.new", capabilities={})
        tree = await self._send("browsingContext.getTree")
        self._page = tree["contexts"][0]["context"]
        await self._send("browsingContext.navigate", context=self._page, url=url, wait="complete")

    async def run(self, script: str) -> Any:
        """Run a script's function as if a person had pressed a button, and return its result."""
        function = f"async () => JSON.stringify(await ({script})())"
        called = {"functionDeclaration": function, "target": {"context": self._page}, "userActivation": True}
        told = await self._send("script.callFunction", **called, awaitPromise=True)
        assert told["type"] == "success", told
        return json.loads(told["result"].get("value", "null"))

    async def choose_file(self, selector: str, path: Path) -> None:
        """Put a file into a field."""
        find = f"() => document.querySelector({json.dumps(selector)})"
        target = {"context": self._page}
        found = await self._send("script.callFunction", functionDeclaration=find, target=target, awaitPromise=False)
        element = {"sharedId": found["result"]["sharedId"]}
        await self._send("input.setFiles", context=self._page, element=element, files=[str(path)])

    async def _send(self, method: str, **params: Any) -> dict[str, Any]:
        number = next(self._numbers)
        await self._socket.send_json({"id": number, "method": method, "params": params})
        while True:
            told: dict[str, Any] = await self._socket.receive_json()
            if told.get("id") == number:
                assert "error" not in told, told
                result: dict[str, Any] = told["result"]
                return result


@asynccontextmanager
async def firefox() -> AsyncIterator[Firefox]:
    """Start a headless Firefox with a profile of its own, which is removed with it."""
    with tempfile.TemporaryDirectory() as profile:
        _prepare(Path(profile))
        process = await asyncio.create_subprocess_exec(
            str(FIREFOX), "--headless", "--no-remote", "--profile", profile, "--remote-debugging-port", "0",
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )  # fmt: skip
        try:
            async with asyncio.timeout(60):
                url = await _address(process)
            async with (
                aiohttp.ClientSession() as session,
                session.ws_connect(f"{url}/session", max_msg_size=0) as socket,
            ):
                yield Firefox(socket)
        finally:
            process.terminate()
            await process.communicate()


def _prepare(profile: Path) -> None:
    lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in PREFERENCES.items()]
    (profile / "user.js").write_text("\n".join(lines))


async def _address(process: asyncio.subprocess.Process) -> str:
    assert process.stderr is not None
    async for line in process.stderr:
        if found := _LISTENS.search(line):
            return found[1].decode()
    raise AssertionError("Firefox ended before it listened")
