"""Everybody can use the page: with a screen reader, without a mouse, on a phone, in the dark."""

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Open
from tests.browser.visit import TEXT, choose_voice, hear_all, speak, store_voice

AXE = (files("axe_playwright_python") / "axe.min.js").read_text()
GRAVE = {"serious", "critical"}


def faults(page: Page) -> list[str]:
    """What axe-core finds, in a word and with the places."""
    page.evaluate(AXE)
    found: dict[str, Any] = page.evaluate("() => axe.run(document, {resultTypes: ['violations']})")
    grave = [one for one in found["violations"] if one["impact"] in GRAVE]
    return [f"{one['id']}: {json.dumps([node['target'] for node in one['nodes']])}" for one in grave]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_axe_finds_no_grave_fault(open_page: Open, recording: Path, width: int, scheme: str) -> None:
    """axe-core finds no serious fault at first, with a voice and its speech, with an error, or when a voice is to be deleted."""
    page = open_page(width=width, scheme=scheme)
    found = faults(page)
    page.get_by_role("button", name="Speak", exact=True).click()
    found += faults(page)

    store_voice(page, recording, "me")
    page.get_by_text("The same call from a program").click()
    speak(page)
    hear_all(page)
    found += faults(page)
    choose_voice(page, "bert")
    page.get_by_role("button", name="Delete …").click()
    found += faults(page)

    assert found == []


@pytest.mark.parametrize("width", [320, 390, 768])
def test_nothing_is_wider_than_the_screen(open_page: Open, recording: Path, width: int) -> None:
    """Nothing is wider than the screen, even with a long word and everything that can be shown."""
    page = open_page(width=width)
    store_voice(page, recording, "m" * 64)
    page.get_by_text("The same call from a program").click()

    speak(page, "Donaudampfschifffahrtsgesellschaftskapitän" * 4)
    hear_all(page)

    assert page.evaluate("document.documentElement.scrollWidth") == width


def test_the_keyboard_alone_speaks(open_page: Open) -> None:
    """The keyboard alone reaches everything: the skip link, the text, the button; the focus is visible at every step."""
    page = open_page()
    choose_voice(page, "anna")
    reached = []

    page.locator(".skip").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Control+A")
    page.keyboard.type(TEXT)
    expect(page.locator("#reading")).not_to_be_empty()
    for _ in range(8):
        page.keyboard.press("Tab")
        focused = page.evaluate("[document.activeElement.id, getComputedStyle(document.activeElement).outlineStyle]")
        reached.append(focused)
        if focused[0] == "speak":
            break
    page.keyboard.press("Enter")

    hear_all(page)
    assert [name for name, _ in reached] == ["language", "profile", "seed", "reading", "speak"]
    assert {style for _, style in reached} == {"solid"}


def test_every_change_is_told_to_a_screen_reader(open_page: Open, recording: Path) -> None:
    """What the page says of its own accord is in live regions; errors interrupt."""
    page = open_page()
    store_voice(page, recording, "me")
    speak(page)
    hear_all(page)

    for said in ("state", "store-said", "speak-said"):
        expect(page.locator(f"#{said}")).to_have_role("status")
    for error in ("record-error", "store-error", "transcript-error", "text-error", "speak-error"):
        assert page.locator(f"#{error}").get_attribute("role") == "alert"
    expect(page.locator("#words")).to_have_accessible_name("The words, as they are spoken")


@pytest.mark.parametrize(
    ("state", "said"), [("starting", "The worker is starting …"), ("unfit", "The worker can't speak")]
)
def test_the_page_says_how_the_worker_stands(open_page: Open, narrator: Any, state: str, said: str) -> None:
    """The page shows the worker's state, and asks again until it is ready."""
    narrator.state = state
    page = open_page()
    expect(page.locator("#state")).to_contain_text(said)

    narrator.state = "ready"

    expect(page.locator("#state")).to_have_text("The worker is ready.")
