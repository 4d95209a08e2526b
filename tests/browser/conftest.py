"""Fixtures: a browser, a page in it, and the worker behind the page."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
import soundfile
from playwright.sync_api import Browser, Dialog, Page, Request, sync_playwright

from http_api.options import Options
from tests.browser.narrator import Narrator
from tests.http_server import serving

CHROMIUM = shutil.which("chromium")
WATCH = (
    "addEventListener('securitypolicyviolation', (event) => report(event.violatedDirective + ' ' + event.blockedURI))"
)
Open = Callable[..., Page]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium, with a microphone that beeps. It ends with the module: while it runs, no other test can have an event loop."""
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine: apt-get install chromium")
    fake = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=fake)
        yield browser
        browser.close()


@pytest.fixture
def narrator() -> Narrator:
    """The stand-in worker."""
    return Narrator()


@pytest.fixture
def problems() -> list[str]:
    """Things that happened on the page and must not."""
    return []


@pytest.fixture
def open_page(chromium: Browser, narrator: Narrator, problems: list[str]) -> Iterator[Open]:
    """Open the page. In every test no script fails, nothing breaks the page's policy, and no request goes elsewhere."""
    with ExitStack() as stack:

        def opened(options: Options | None = None, *, width: int = 1280, scheme: str = "light") -> Page:
            url = stack.enter_context(serving(narrator, options or Options(has_page=True)))
            page = new_page(chromium, url, problems, width=width, scheme=scheme)
            stack.callback(page.context.close)
            return page

        yield opened
    assert problems == []


def new_page(browser: Browser, url: str, problems: list[str], *, width: int = 1280, scheme: Any = "light") -> Page:
    """Open the page of any address, in a profile of its own."""
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    watch(page, url, problems)
    page.goto(url)
    return page


def watch(page: Page, url: str, problems: list[str]) -> None:
    """Note what must not happen on a page."""

    def look(request: Request) -> None:
        if not _is_ours(request.url, url):
            problems.append(f"request: {request.url}")

    def close(dialog: Dialog) -> None:
        problems.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    page.on("pageerror", lambda error: problems.append(f"script: {error}"))
    page.on("request", look)
    page.on("dialog", close)
    page.expose_function("report", lambda violation: problems.append(f"policy: {violation}"))
    page.add_init_script(WATCH)


def _is_ours(requested: str, url: str) -> bool:
    return requested.startswith(f"blob:{url}/") or urlsplit(requested)[:2] == urlsplit(url)[:2]


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """A tone of eight seconds."""
    path = tmp_path / "me.wav"
    times = np.arange(8 * 24_000) / 24_000
    soundfile.write(path, 0.3 * np.sin(2 * np.pi * 220 * times), 24_000)
    return path
