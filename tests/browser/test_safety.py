"""The page runs nobody's text, talks to no other server, and keeps its key. (What all tests of the page check is in conftest.)"""

import threading
from pathlib import Path

import pytest
from playwright.sync_api import expect

from cloning.errors import InvalidText
from http_api.options import Options
from tests.browser.conftest import Open
from tests.browser.narrator import Narrator, entry
from tests.browser.visit import choose_voice, download, hear_all, new_voice, speak, wait_for_second

ATTACK = "<img src=x onerror=\"document.title='taken'\"><script>document.title='taken'</script>"


def test_what_others_wrote_is_shown_as_text(
    open_page: Open, narrator: Narrator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Markup in a voice's fields, a reading, a text, a warning, a licence or a failure is shown as text."""
    evil = entry("anna", ATTACK) | {"language": ATTACK, "warnings": [{"code": "X", "message": ATTACK}]}
    evil["consent"] = evil["consent"] | {"statement": ATTACK}
    narrator.stored = {ATTACK: evil | {"voice": ATTACK}, "anna": evil}
    monkeypatch.setattr("tests.browser.narrator.READING", ATTACK)
    monkeypatch.setattr("tests.browser.narrator.LICENCE", ATTACK)
    page = open_page()
    choose_voice(page, "anna")
    speak(page, ATTACK)
    hear_all(page)
    narrator.fails = {"again": (0, InvalidText(ATTACK))}

    speak(page, "again")

    expect(page.locator("#speak-error")).to_have_text(ATTACK)
    assert page.title() == "Speak with a cloned voice"
    assert page.locator("main img, main script").count() == 0
    assert ATTACK in page.locator("#voices").inner_text()


def test_the_policy_stops_html_that_comes_from_a_string(open_page: Open, problems: list[str]) -> None:
    """If a line of the page tried to make HTML from a string, the browser would refuse it."""
    page = open_page()

    refused = page.evaluate(
        """async () => {
            const told = new Promise((resolve) => addEventListener("securitypolicyviolation", resolve));
            try { document.body.innerHTML = "<p>in</p>"; } catch (error) { await told; return error.name; }
            return "taken";
        }"""
    )

    assert refused == "TypeError"
    assert problems == ["policy: require-trusted-types-for trusted-types-sink"]
    problems.clear()


def test_a_server_with_a_key_asks_for_it_once(open_page: Open, narrator: Narrator) -> None:
    """The page asks for the key once, and again if it is wrong; with the right one everything works, and it is kept for this tab alone. The last voice's name is kept in the browser."""
    narrator.gates = {1: threading.Event()}
    page = open_page(Options(has_page=True, api_key="s3cret"))
    page.get_by_label("API key").fill("wrong")
    page.get_by_role("button", name="Use it").click()
    expect(page.locator("#key-why")).not_to_be_empty()
    page.get_by_label("API key").fill("s3cret")
    page.get_by_role("button", name="Use it").click()

    choose_voice(page, "anna")
    speak(page)
    wait_for_second(page, 0.2)
    narrator.gates[1].set()
    hear_all(page)

    (job,) = narrator.jobs.values()
    assert download(page, "WAV") == narrator.objects[job.result["audio"]["key"]]
    assert page.evaluate("[sessionStorage.length, localStorage.length, document.cookie]") == [1, 1, ""]
    assert page.evaluate("Object.entries(localStorage)") == [["f5-voice", "anna"]]
    assert "s3cret" not in (page.locator("body").text_content() or "")
    assert "Bearer $API_KEY" in (page.locator("#curl").text_content() or "")


def test_a_server_that_went_away_is_said_so(open_page: Open, recording: Path) -> None:
    """If the server has gone, the page says so where the visitor pressed the button."""
    page = open_page()
    new_voice(page)
    page.context.set_offline(True)
    page.get_by_label("Or drop a recording here").set_input_files(recording)
    page.get_by_label("The speaker agreed").check()

    page.get_by_role("button", name="Store the voice").click()

    expect(page.locator("#store-error")).to_have_text("The server doesn't answer. Is it still running?")
