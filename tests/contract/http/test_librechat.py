"""LibreChat: its `TTSService` splits texts of more than 4,096 characters and concatenates the answers into one file."""

import httpx
import numpy as np

from http_api.sound.encoding import samples_of
from tests.http_worker import StandIn


def speak(url: str, text: str, **more: object) -> httpx.Response:
    body = {"input": text, "model": "tts-1", "backend": "f5", **more}
    headers = {
        "Content-Type": "application/json",
        "Authorization": "Bearer sk-1",
        "Accept": "application/json, text/plain, */*",
    }
    return httpx.post(f"{url}/v1/audio/speech", headers=headers, json=body)


def test_a_backend_is_no_error_and_a_voice_may_be_missing(url: str, worker: StandIn) -> None:
    """It sends a `backend`, which is ignored, and without a configured voice no `voice`: then the default voice speaks."""
    response = speak(url, "What is spoken here.")

    assert (response.status_code, response.headers["content-type"]) == (200, "audio/mpeg")
    assert response.headers["x-ignored-fields"] == "backend"
    assert worker.calls[0]["voice"] == "anna"


def test_the_answers_to_the_pieces_of_a_text_are_one_file(url: str) -> None:
    """MP3s that are concatenated play as one file."""
    answers = [speak(url, text, voice="anna").content for text in ("The first piece.", "The second piece.")]

    lengths = [len(np.concatenate(list(samples_of(answer)))) for answer in [*answers, b"".join(answers)]]
    assert lengths[0] + lengths[1] == lengths[2]
