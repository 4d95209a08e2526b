"""Take the pictures of docs/page.md: `python -m tests.browser.pictures`. The stand-in says a sentence in F5-TTS's own example voice."""

import io
import sys
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import soundfile
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Browser, sync_playwright

from http_api.options import Options
from http_api.port import Reply
from tests.browser.conftest import CHROMIUM
from tests.browser.narrator import Narrator
from tests.browser.visit import hear_all, speak, store_voice
from tests.http_server import serving
from tests.http_worker import RATE

DOCS = Path(__file__).parents[2] / "docs"
EXAMPLE = files("f5_tts").joinpath("infer/examples/basic/basic_ref_en.wav")
TEXT = "Some call me nature, others call me mother nature."


class Sitter(Narrator):
    """A voice without problems, which says what the example says."""

    def _upload(self, fields: Mapping[str, Any]) -> Reply:
        reply = super()._upload(fields)
        measured = {"duration": 5.3, "clipped_share": 0.0, "snr_db": 38.0}
        return {
            **reply,
            "transcript": TEXT,
            "duration": 5.0,
            "clipped": False,
            "gain_db": 0.0,
            "measured": measured,
            "warnings": [],
        }

    def _read(self, fields: Mapping[str, Any]) -> Reply:
        return {"reading": fields["text"], "spans": [], "pauses": [], "normalized_in": "en", "warnings": []}

    def _finish(self, job_id: str, job: Any, wave: NDArray[np.int16]) -> None:
        super()._finish(job_id, job, wave)
        notice = "made with F5-TTS (code: MIT) and weights under CC-BY-NC-4.0: not for commercial use"
        job.result |= {"license_notice": notice, "warnings": []}


def main(folder: Path = DOCS) -> None:
    """Take all pictures, with as few colours as they need."""
    samples, _ = soundfile.read(io.BytesIO(EXAMPLE.read_bytes()), dtype="int16")
    sitter = Sitter(parts=2, seconds=len(samples) / RATE / 2)
    said = patch("tests.http_worker.spoken", lambda *_: np.array_split(samples, 2))
    with said, serving(sitter, Options(has_page=True)) as url, sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM)
        for width in (390, 1280):
            for scheme in ("light", "dark"):
                picture = Image.open(io.BytesIO(take(browser, url, width, scheme)))
                picture.quantize(64).save(folder / f"page-{width}-{scheme}.png", optimize=True)
        browser.close()


def take(browser: Browser, url: str, width: int, scheme: Any) -> bytes:
    """Take the page in the middle of its speech."""
    with browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme) as context:
        page = context.new_page()
        page.goto(url)
        store_voice(page, Path(str(EXAMPLE)), f"anna-{width}-{scheme}")
        speak(page, TEXT)
        hear_all(page)
        page.get_by_role("button", name="others", exact=True).click()
        page.locator("#audio").evaluate("audio => audio.pause()")
        page.evaluate("document.activeElement.blur()")
        page.wait_for_timeout(600)
        return page.screenshot(full_page=True)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
