"""A visitor stores a voice, speaks and hears."""

import hashlib
import json
import shlex
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from cloning.errors import GpuOutOfMemory
from tests.browser import narrator as told
from tests.browser.conftest import Open
from tests.browser.narrator import Narrator, words_of
from tests.browser.visit import (
    TEXT,
    choose_voice,
    download,
    hear_all,
    second,
    seconds_of,
    speak,
    store_voice,
    wait_for_second,
)


def spoken(open_page: Open) -> Page:
    """A page on which the text has been spoken."""
    page = open_page()
    choose_voice(page, "anna")
    speak(page)
    hear_all(page)
    return page


def test_a_recording_is_stored_and_what_was_measured_is_told_in_words(
    open_page: Open, recording: Path, narrator: Narrator
) -> None:
    """The figures of the upload's reply become sentences, and its transcript is shown."""
    page = open_page()

    store_voice(page, recording, "me")

    assert page.locator("#measured li").all_inner_texts() == [
        "13.3 s came, 7.9 s are kept.",
        "Some speech was cut off: about 12 s are used, and very quiet edges are dropped.",
        "It was quiet, so it was raised by 6 dB.",
        "0.2 % of it is distorted: stay farther from the microphone.",
        "Some noise: 24 dB below the voice.",
        "the right channel is silent",
    ]
    expect(page.get_by_label("What the recording says")).to_have_value(told.HEARD)
    (sent,) = narrator.sent("upload")
    assert (sent["consent"], sent["transcribe_now"]) == (told.STATEMENT, True)


def test_the_sound_begins_with_the_first_part_while_the_rest_is_made(open_page: Open, narrator: Narrator) -> None:
    """The first part plays while the progress says one of three; then the rest is heard, and seeking works in all of it."""
    narrator.gates = {1: threading.Event()}
    page = open_page()
    choose_voice(page, "anna")

    speak(page)
    wait_for_second(page, 0.3)

    expect(page.locator("#speak-said")).to_have_text("1 of 3 pieces are spoken.")
    assert page.get_by_role("progressbar").evaluate("bar => bar.value / bar.max") == pytest.approx(1 / 3)
    narrator.gates[1].set()
    hear_all(page)
    wait_for_second(page, second(page) + 0.3)


def test_the_page_says_what_happens_before_the_first_piece(open_page: Open, narrator: Narrator) -> None:
    """While the model loads the bar has no value, and the words follow the job: not taken, taken, begun."""
    narrator.gates = {0: threading.Event()}
    page = open_page()
    choose_voice(page, "anna")

    speak(page)

    expect(page.locator("#speak-said")).to_have_text(
        "Loading the model if it isn't loaded, and speaking the first of 3 pieces …", timeout=15_000
    )
    assert page.get_by_role("progressbar").get_attribute("value") is None
    (job,) = narrator.jobs.values()
    job.status, job.total, job.attempt = "IN_QUEUE", 0, 1
    expect(page.locator("#speak-said")).to_have_text(
        "A worker has the text: it prepares the voice, or waits for the GPU …"
    )
    job.attempt = 0
    expect(page.locator("#speak-said")).to_have_text("Waiting for the worker …")
    narrator.gates[0].set()
    hear_all(page)


def test_a_stream_that_breaks_off_goes_on_in_the_whole(open_page: Open, narrator: Narrator) -> None:
    """If the job is spoken again, its stream ends, and playing goes on from the same place in the whole speech."""
    narrator.gates, narrator.anew = {1: threading.Event()}, 1
    page = open_page()
    choose_voice(page, "anna")
    speak(page)
    wait_for_second(page, 0.3)

    narrator.gates[1].set()
    hear_all(page)

    wait_for_second(page, 5)
    assert page.locator("#audio").evaluate("audio => audio.duration") == pytest.approx(12, abs=0.1)


def test_words_light_up_as_they_are_spoken(open_page: Open) -> None:
    """The word that is being spoken is lit."""
    page = spoken(open_page)
    words = words_of(TEXT, 12)

    page.get_by_role("button", name="five", exact=True).click()
    wait_for_second(page, words[4]["start"] + 0.2)
    lit = page.locator("#words .lit").inner_text()
    wait_for_second(page, words[5]["start"] + 0.2)

    assert lit == "five"
    expect(page.locator("#words .lit")).to_have_text("six.")


def test_a_click_on_a_word_plays_from_there(open_page: Open) -> None:
    """A click on a word plays from its start."""
    page = spoken(open_page)

    page.get_by_role("button", name="nine.", exact=True).click()
    wait_for_second(page, words_of(TEXT, 12)[8]["start"])

    assert second(page) < 12
    assert page.locator("#audio").evaluate("audio => !audio.paused && audio.duration") == pytest.approx(12, abs=0.1)


def test_arrow_keys_reach_the_words(open_page: Open) -> None:
    """The words are one Tab stop; arrow keys move among them, and Enter plays from the one with the focus."""
    page = spoken(open_page)

    page.get_by_role("button", name="One", exact=True).focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    wait_for_second(page, words_of(TEXT, 12)[2]["start"])

    assert page.locator("#words [tabindex='0']").all_inner_texts() == ["three."]


def test_the_waveform_is_drawn_and_a_click_in_it_seeks(open_page: Open) -> None:
    """The waveform is drawn, and a click in its middle plays from there."""
    page = spoken(open_page)

    page.locator("#wave").click()
    wait_for_second(page, 5.9)

    assert page.locator("#wave").evaluate(
        "wave => wave.getContext('2d').getImageData(0, 0, wave.width, wave.height).data.some(Boolean)"
    )


def test_cancel_ends_the_job(open_page: Open, narrator: Narrator) -> None:
    """A cancel reaches the worker, the page says so, and the next text can be spoken."""
    narrator.gates = {1: threading.Event()}
    page = open_page()
    choose_voice(page, "anna")
    speak(page)

    page.get_by_role("button", name="Cancel").click()

    expect(page.locator("#speak-said")).to_have_text("Cancelled.")
    assert [job.status for job in narrator.jobs.values()] == ["CANCELLED"]
    narrator.gates.clear()
    speak(page)
    hear_all(page)


def test_downloads_bring_the_results_bytes(open_page: Open, narrator: Narrator) -> None:
    """The WAV and the subtitles are the stored ones, and the MP3 has all of the speech."""
    page = spoken(open_page)
    (job,) = narrator.jobs.values()

    wav, mp3, srt, vtt = (download(page, name) for name in ("WAV", "MP3", "SRT", "VTT"))

    assert hashlib.sha256(wav).hexdigest() == job.result["audio"]["sha256"]
    assert srt == narrator.objects[job.result["files"]["srt"]["key"]]
    assert vtt == narrator.objects[job.result["files"]["vtt"]["key"]]
    assert seconds_of(mp3) == pytest.approx(12, abs=0.2)


def test_facts_cost_licence_and_warnings_are_shown(open_page: Open, narrator: Narrator) -> None:
    """Facts, cost, licence and warnings are shown, with the seed that makes the same speech again."""
    page = spoken(open_page)
    (job,) = narrator.jobs.values()

    shown = page.locator("#made").inner_text()

    assert f"12.0 s of speech · made in 0.5 s · by f5, balanced · seed {job.fields['seed']}" in shown
    assert "Cost: $0.00042 for 2.2 s of this job's turns on the GPU at $0.00019 a second." in shown
    assert told.LICENCE in shown
    assert "this text is spoken slowly" in shown


def test_a_failure_is_said_in_the_workers_words(open_page: Open, narrator: Narrator) -> None:
    """A failure is shown beside the button in the worker's words, and the button can be pressed again."""
    message = "the GPU's memory did not suffice, with half of it either"
    narrator.fails = {TEXT: (1, GpuOutOfMemory(message))}
    page = open_page()
    choose_voice(page, "anna")

    speak(page)

    expect(page.locator("#speak-error")).to_have_text(message)
    expect(page.get_by_role("button", name="Speak", exact=True)).to_be_enabled()


def test_what_will_be_read_is_shown_while_one_writes(open_page: Open, narrator: Narrator) -> None:
    """The reading is shown with its pauses, and with what was left as it is."""
    page = open_page()
    choose_voice(page, "anna")

    page.get_by_label("What to say").fill("It cost $5 on 3/4.")

    expect(page.locator("#reading")).to_have_text("It cost (0.5 s of silence) five dollars.")
    expect(page.locator("#reading-warnings")).to_have_text("3/4 stays as it is")
    assert narrator.sent("read")[-1] == {"action": "read", "text": "It cost $5 on 3/4.", "voice": "anna"}


def test_language_profile_and_seed_are_sent(open_page: Open, narrator: Narrator) -> None:
    """Language, profile and seed are sent as they were chosen."""
    page = open_page()
    choose_voice(page, "bert")
    page.get_by_label("Language", exact=True).select_option("de")
    page.get_by_label("Profile").select_option("draft")
    page.get_by_label("Seed").fill("42")

    speak(page)
    hear_all(page)

    (job,) = narrator.jobs.values()
    chosen = {name: job.fields[name] for name in ("voice", "language", "profile", "seed", "text")}
    assert chosen == {"voice": "bert", "language": "de", "profile": "draft", "seed": 42, "text": TEXT}


def test_the_same_call_is_shown_for_the_shell_and_for_python(
    open_page: Open, narrator: Narrator, tmp_path: Path
) -> None:
    """The shell and Python lines make the same call: a shell reads the text as it was written, quotes included, and Python runs them."""
    text = 'It\'s "quoted" $HOME `ls` \\ done'
    page = open_page()
    choose_voice(page, "anna")
    page.get_by_label("Seed").fill("7")
    page.get_by_label("What to say").fill(text)

    words = shlex.split(page.locator("#curl").text_content() or "")
    subprocess.run([sys.executable, "-c", page.locator("#python").text_content() or ""], cwd=tmp_path, check=True)

    body = json.loads(words[words.index("-d") + 1])
    assert body == {"model": "tts-1", "input": text, "voice": "anna", "response_format": "mp3", "seed": 7}
    (job,) = narrator.jobs.values()
    assert (job.fields["text"], job.fields["voice"], job.fields["seed"]) == (text, "anna", 7)
    assert seconds_of((tmp_path / "speech.mp3").read_bytes()) == pytest.approx(12, abs=0.2)
