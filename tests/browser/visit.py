"""What a visitor does, on the page of any address."""

import io
from pathlib import Path

import av
from playwright.sync_api import Page, expect

SECOND = 1000.0
TEXT = "One two three. Four five six. Seven eight nine."


def store_voice(page: Page, recording: Path, voice: str, seconds: float = 10) -> None:
    """Do steps 1 to 3 with a file, until the voice is stored."""
    new_voice(page)
    page.get_by_label("Or drop a recording here").set_input_files(recording)
    page.get_by_label("The speaker agreed").check()
    page.get_by_label("How they agreed").fill("I am the speaker and I agree.")
    page.get_by_label("Name of the voice").fill(voice)
    page.get_by_role("button", name="Store the voice").click()
    expect(page.locator("#store-said")).to_have_text(f"The voice {voice} is stored.", timeout=seconds * SECOND)


def new_voice(page: Page) -> None:
    """Begin step 1 with a new voice. (A click, even where it is chosen already: the page then stays there.)"""
    page.get_by_label("A new one").click()


def choose_voice(page: Page, voice: str) -> None:
    """Do step 1 with a stored voice."""
    page.get_by_label("One that is stored").check()
    page.get_by_label("Stored voices").select_option(voice)


def speak(page: Page, text: str = TEXT) -> None:
    """Do steps 4 and 5, without waiting for the speech."""
    page.get_by_label("What to say").fill(text)
    page.get_by_role("button", name="Speak", exact=True).click()


def hear_all(page: Page, seconds: float = 20) -> None:
    """Wait until the whole speech has arrived."""
    expect(page.locator("#speak-said")).to_have_text("Done.", timeout=seconds * SECOND)


def second(page: Page) -> float:
    """The second at which the speech is."""
    place: float = page.locator("#audio").evaluate("audio => audio.currentTime")
    return place


def wait_for_second(page: Page, least: float, seconds: float = 10) -> None:
    """Wait until the speech has reached that second."""
    page.locator("#audio").evaluate(
        """async (audio, [least, deadline]) => {
            const end = performance.now() + deadline;
            while (audio.currentTime <= least) {
                if (performance.now() > end) throw new Error(`the speech is at ${audio.currentTime} s`);
                await new Promise((resolve) => setTimeout(resolve, 20));
            }
        }""",
        [least, seconds * SECOND],
    )


def download(page: Page, name: str) -> bytes:
    """The bytes of a download."""
    with page.expect_download() as coming:
        page.get_by_role("link", name=name, exact=True).click()
    return Path(coming.value.path()).read_bytes()


def seconds_of(sound: bytes) -> float:
    """The length of a recording in seconds."""
    with av.open(io.BytesIO(sound), "r") as file:
        return float(sum(frame.samples / frame.sample_rate for frame in file.decode(audio=0)))
