"""The page of `make serve`: the real queue, worker and small checkpoint behind it, a real browser in front."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from local.talker import find_talker
from tests.browser.conftest import new_page
from tests.browser.test_everybody import faults
from tests.browser.visit import (
    choose_voice,
    download,
    hear_all,
    new_voice,
    second,
    seconds_of,
    speak,
    store_voice,
    wait_for_second,
)
from tests.e2e.http.test_serve import Served, serving

SENTENCE = "The weather will be sunny tomorrow. "
SLOW_S = 240


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("page") / "bucket") as running:
        yield running


@pytest.fixture
def page(chromium: Browser, served: Served, problems: list[str]) -> Iterator[Page]:
    opened = new_page(chromium, served.url, problems)
    yield opened
    opened.context.close()
    assert problems == []


def test_a_voice_is_stored_and_heard_from_its_first_part_on(page: Page) -> None:
    """A voice is uploaded and transcribed; speech of several chunks plays while the rest is made, words light up, and downloads work."""
    store_voice(page, find_talker().prompts["slt"].recording, "visitor", SLOW_S)
    expect(page.get_by_label("What the recording says")).not_to_have_value("")

    speak(page, SENTENCE * 6)
    progress = re.compile(r"\d+ of \d+ pieces are spoken\.")
    expect(page.locator("#speak-said")).to_have_text(progress, timeout=SLOW_S * 1000)
    wait_for_second(page, 0.3, SLOW_S)
    hear_all(page, SLOW_S)
    wait_for_second(page, second(page) + 0.3, SLOW_S)

    assert faults(page) == []
    page.locator("#words button").first.click()
    expect(page.locator("#words .lit")).to_have_text("The")
    wav, mp3 = download(page, "WAV"), download(page, "MP3")
    assert seconds_of(wav) == pytest.approx(seconds_of(mp3), abs=0.1)
    assert b"The weather will be sunny tomorrow." in download(page, "SRT").replace(b"\n", b" ")


def test_what_the_worker_says_of_a_recording_is_on_the_page(page: Page) -> None:
    """A microphone that only beeps is refused as a voice, in the worker's own words."""
    new_voice(page)
    page.get_by_role("button", name="Record", exact=True).click()
    page.wait_for_timeout(3000)
    page.get_by_role("button", name="Stop").click()
    page.get_by_label("The speaker agreed").check()
    page.get_by_label("How they agreed").fill("It is a machine.")
    page.get_by_label("Name of the voice").fill("beeper")
    page.get_by_role("button", name="Store the voice").click()

    expect(page.get_by_text("louder than -45 dBFS")).to_be_visible(timeout=SLOW_S * 1000)


def test_the_voices_of_the_checkpoint_are_there(page: Page) -> None:
    """A visitor without a microphone can try the checkpoint's own voices at once."""
    choose_voice(page, "rms")
    speak(page, SENTENCE)
    hear_all(page, SLOW_S)

    assert seconds_of(download(page, "WAV")) > 1
