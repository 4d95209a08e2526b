"""The page in Firefox, which can play a stream by itself."""

import asyncio
import base64
import json
import threading
from pathlib import Path
from typing import Any

import pytest

from cloning.audio.decoding import decode
from http_api.options import Options
from tests.browser.firefox import FIREFOX, Firefox, firefox
from tests.browser.narrator import Narrator
from tests.browser.visit import TEXT
from tests.http_server import serving

pytestmark = pytest.mark.skipif(FIREFOX is None, reason="no firefox on this machine: apt-get install firefox-esr")


async def until(browser: Firefox, script: str) -> Any:
    """Wait until an expression is true."""
    async with asyncio.timeout(30):
        return await browser.run(
            f"async () => {{ for (;;) {{ const found = {script}; if (found) return found; await new Promise((r) => setTimeout(r, 50)); }} }}"
        )


async def press(browser: Firefox, element: str) -> None:
    """Click."""
    await browser.run(f"() => document.getElementById({json.dumps(element)}).click()")


async def store_and_speak(browser: Firefox, url: str, recording: Path) -> None:
    """Do steps 1 to 5, up to the first sound."""
    await browser.open(url)
    await press(browser, "source-new")
    await browser.choose_file("#file", recording)
    await press(browser, "consent")
    await press(browser, "store")
    await until(browser, "document.getElementById('store-said').textContent.includes('is stored')")
    await browser.run(f"() => {{ document.getElementById('text').value = {json.dumps(TEXT)}; }}")
    await press(browser, "speak")
    await until(browser, "document.getElementById('audio').currentTime > 0.3")


def test_a_voice_is_stored_and_speaks_in_firefox(recording: Path) -> None:
    """Speech plays from the first part on, words light up, a click on one plays from there, and the waveform is drawn."""
    narrator = Narrator(gates={1: threading.Event()})

    async def visit(url: str) -> tuple[Any, ...]:
        async with firefox() as browser:
            await store_and_speak(browser, url, recording)
            early = await browser.run("() => document.getElementById('speak-said').textContent")
            narrator.gates[1].set()
            await until(browser, "document.getElementById('speak-said').textContent === 'Done.'")
            await browser.run("() => document.querySelectorAll('#words button')[6].click()")
            lit = await until(browser, "document.querySelector('#words .lit')?.textContent === 'Seven' && 'Seven'")
            place = await browser.run("() => document.getElementById('audio').currentTime")
            wide = await browser.run("() => document.documentElement.scrollWidth <= innerWidth")
            return early, lit, place, wide

    with serving(narrator, Options(has_page=True)) as url:
        early, lit, place, wide = asyncio.run(visit(url))

    assert early == "1 of 3 pieces are spoken."
    assert lit == "Seven"
    assert 8 <= place < 9.5
    assert wide


def test_the_microphone_is_recorded_in_firefox() -> None:
    """The microphone is recorded and can be stored. (Without a sound card Firefox's AudioContext stands still, so the level isn't checked.)"""
    narrator = Narrator()

    async def visit(url: str) -> None:
        async with firefox() as browser:
            await browser.open(url)
            await press(browser, "source-new")
            await press(browser, "record")
            await until(browser, "document.getElementById('record-time').textContent >= '1.5 s'")
            await press(browser, "record")
            await until(browser, "!document.getElementById('recording').hidden")
            await press(browser, "consent")
            await press(browser, "store")
            await until(browser, "document.getElementById('store-said').textContent.includes('is stored')")

    with serving(narrator, Options(has_page=True)) as url:
        asyncio.run(visit(url))

    sound = base64.b64decode(narrator.sent("upload")[0]["audio"], validate=True)
    recording = decode(sound)
    assert 1 < recording.duration < 5
    assert recording.warnings == ()
