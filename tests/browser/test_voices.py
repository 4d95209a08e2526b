"""A visitor's voices: recorded, agreed to, corrected, chosen, deleted."""

import base64
from pathlib import Path

from playwright.sync_api import Route, expect

from cloning.audio.decoding import decode
from cloning.errors import InvalidAudio
from tests.browser.conftest import Open
from tests.browser.narrator import HEARD, Narrator
from tests.browser.visit import choose_voice, hear_all, new_voice, speak, store_voice


def test_the_microphone_is_recorded(open_page: Open, narrator: Narrator) -> None:
    """The level moves, the seconds count, and the worker's own decoder accepts what is sent."""
    page = open_page()
    new_voice(page)
    page.get_by_role("button", name="Record", exact=True).click()
    levels = []
    while (page.locator("#record-time").inner_text()) < "2.5 s":
        levels.append(page.locator("#level").evaluate("meter => meter.value"))
    page.get_by_role("button", name="Stop").click()
    page.get_by_label("The speaker agreed").check()

    page.get_by_role("button", name="Store the voice").click()

    expect(page.locator("#store-said")).to_contain_text("is stored")
    assert min(levels) < max(levels)
    sound = base64.b64decode(narrator.sent("upload")[0]["audio"], validate=True)
    recording = decode(sound)
    assert 2 < recording.duration < 8
    assert recording.warnings == ()


def test_recording_stops_by_itself(open_page: Open) -> None:
    """Recording stops after 12 seconds, the most that a voice uses."""
    page = open_page()
    new_voice(page)
    page.clock.install()
    page.get_by_role("button", name="Record", exact=True).click()
    expect(page.get_by_role("button", name="Stop")).to_be_visible()

    page.clock.run_for(12_100)

    expect(page.get_by_role("button", name="Record", exact=True)).to_be_visible()
    expect(page.locator("#recording-name")).to_have_text("Recorded. Listen to it, or record again.")


def test_a_microphone_that_is_refused_is_said_so(open_page: Open) -> None:
    """If the microphone is refused, the page says so, and what else a visitor can do."""
    page = open_page()
    new_voice(page)
    page.evaluate(
        "() => { navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('', 'NotAllowedError')); }"
    )

    page.get_by_role("button", name="Record", exact=True).click()

    said = "The browser gave no microphone. Allow it for this page, or choose a file instead."
    expect(page.locator("#record-error")).to_have_text(said)
    expect(page.get_by_role("button", name="Record", exact=True)).to_be_enabled()


def test_a_refused_recording_is_said_in_the_workers_words(open_page: Open, recording: Path, narrator: Narrator) -> None:
    """A refused recording is explained in the worker's words, where it was sent."""
    narrator.refusal = InvalidAudio("the recording is silent; record it again")
    page = open_page()
    new_voice(page)
    page.get_by_label("Or drop a recording here").set_input_files(recording)
    page.get_by_label("The speaker agreed").check()

    page.get_by_role("button", name="Store the voice").click()

    expect(page.locator("#store-error")).to_have_text("the recording is silent; record it again")
    expect(page.locator("#store-said")).to_be_empty()


def test_nothing_is_sent_without_consent(open_page: Open, recording: Path, narrator: Narrator) -> None:
    """Without a ticked consent the page asks for it and sends nothing."""
    page = open_page()
    new_voice(page)
    page.get_by_label("Or drop a recording here").set_input_files(recording)

    page.get_by_role("button", name="Store the voice").click()

    expect(page.locator("#store-error")).to_have_text("Tick that the speaker agreed: no voice is stored without.")
    assert narrator.sent("upload") == []


def test_a_dropped_file_is_a_recording(open_page: Open) -> None:
    """A dropped file works as a chosen one does."""
    page = open_page()
    new_voice(page)

    page.locator("#drop").evaluate(
        """drop => {
            const dataTransfer = new DataTransfer();
            dataTransfer.items.add(new File(["RIFF"], "dropped.wav", {type: "audio/wav"}));
            drop.dispatchEvent(new DragEvent("drop", {dataTransfer, bubbles: true, cancelable: true}));
        }"""
    )

    expect(page.locator("#recording-name")).to_have_text("dropped.wav")


def test_a_mended_transcript_is_stored_with_the_same_recording(
    open_page: Open, recording: Path, narrator: Narrator
) -> None:
    """A corrected transcript is stored with the same recording and consent."""
    page = open_page()
    store_voice(page, recording, "me")

    page.get_by_label("What the recording says").fill("Some call me Nature.")
    page.get_by_role("button", name="Keep this transcript").click()

    expect(page.locator("#transcript-said")).to_have_text("This transcript is kept.")
    first, second = narrator.sent("upload")
    assert second == {
        **{k: v for k, v in first.items() if k != "transcribe_now"},
        "replace": True,
        "transcript": "Some call me Nature.",
    }


def test_another_recording_is_heard_anew(open_page: Open, recording: Path, narrator: Narrator) -> None:
    """Another recording is sent without the transcript of the one before."""
    page = open_page()
    store_voice(page, recording, "me")

    store_voice(page, recording.rename(recording.with_name("again.wav")), "me-again")

    assert [call.get("transcript") for call in narrator.sent("upload")] == [None, None]


def test_a_name_that_is_taken_can_be_replaced(open_page: Open, recording: Path, narrator: Narrator) -> None:
    """If a name is taken, the page shows the worker's words and a button that replaces the voice."""
    page = open_page()
    new_voice(page)
    page.get_by_label("Or drop a recording here").set_input_files(recording)
    page.get_by_label("The speaker agreed").check()
    page.get_by_label("Name of the voice").fill("anna")
    page.get_by_role("button", name="Store the voice").click()
    expect(page.locator("#store-error")).to_have_text("there is another voice 'anna'; send replace: true")

    page.get_by_role("button", name="Replace the stored one").click()

    expect(page.locator("#store-said")).to_have_text("The voice anna is stored.")
    assert narrator.sent("upload")[-1]["replace"] is True


def test_a_stored_voice_shows_its_consent_and_transcript(open_page: Open) -> None:
    """A stored voice shows its consent and transcript, which can't be changed because the page doesn't have its recording."""
    page = open_page()

    choose_voice(page, "bert")

    expect(page.locator("#consent-kept")).to_have_text("Recorded on 2026-11-29: “I am the speaker and I agree.”")
    expect(page.get_by_label("What the recording says")).to_have_value(HEARD)
    expect(page.get_by_label("What the recording says")).not_to_be_editable()


def test_a_voice_is_deleted_after_it_was_asked(open_page: Open, narrator: Narrator) -> None:
    """“Keep it” keeps the voice; “Delete it” removes it from the bucket and the list."""
    page = open_page()
    choose_voice(page, "bert")
    page.get_by_role("button", name="Delete …").click()
    page.get_by_role("button", name="Keep it").click()
    kept = set(narrator.stored)
    page.get_by_role("button", name="Delete …").click()

    page.get_by_role("button", name="Delete it").click()

    expect(page.locator("#voices-said")).to_have_text("The voice bert is deleted.")
    assert kept == {"anna", "bert"}
    assert set(narrator.stored) == {"anna"}
    expect(page.get_by_label("Stored voices").locator("option")).to_have_text(["anna (en, 7.9 s)"])


def test_without_a_voice_the_page_says_what_to_do(open_page: Open, narrator: Narrator) -> None:
    """Without a voice the page says what to do, and begins no job."""
    narrator.stored = {}
    page = open_page()
    expect(page.get_by_label("A new one")).to_be_checked()

    page.get_by_role("button", name="Speak", exact=True).click()

    expect(page.locator("#speak-error")).to_have_text(
        "Choose a stored voice, or store a new one first (steps 1 and 2)."
    )
    assert narrator.jobs == {}


def test_the_page_opens_on_the_first_voice_that_can_be_used(open_page: Open, narrator: Narrator) -> None:
    """A visitor who has not spoken yet finds the first voice chosen that can be used, and can speak at once."""
    narrator.stored["anna"] |= {"problem": "its record is damaged"}

    page = open_page()

    expect(page.get_by_label("One that is stored")).to_be_checked()
    expect(page.get_by_label("Stored voices")).to_have_value("bert")


def test_the_page_opens_on_the_voice_that_spoke_last(open_page: Open, narrator: Narrator) -> None:
    """The page opens on the voice that spoke last; once that is deleted, on the first one."""
    page = open_page()
    choose_voice(page, "bert")
    speak(page)
    hear_all(page)
    page.reload()
    expect(page.get_by_label("Stored voices")).to_have_value("bert")
    del narrator.stored["bert"]

    page.reload()

    expect(page.get_by_label("One that is stored")).to_be_checked()
    expect(page.get_by_label("Stored voices")).to_have_value("anna")


def test_a_visitor_who_has_begun_is_not_moved(open_page: Open) -> None:
    """A list of voices that comes late doesn't take a visitor away from a new voice."""
    page = open_page()
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/v1/actions/voices", hold)
    with page.expect_request("**/v1/actions/voices"):
        page.reload()
    new_voice(page)

    held[0].continue_()

    expect(page.get_by_label("Stored voices").locator("option")).to_have_count(2)
    expect(page.get_by_label("A new one")).to_be_checked()
