"""Files arrive whole or not at all, and no URL is shown."""

import logging
from pathlib import Path

import httpx
import pytest
from f5_worker_client import Client, DownloadFailed, InvalidRequest

from tests.unit.client.endpoint import QUICK, SIGNATURE, Endpoint, wav_of


def left_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_of_another_digest_never_gets_its_name(endpoint: Endpoint, client: Client, tmp_path: Path) -> None:
    """A file of another digest is fetched again and in the end refused; an older file at the target stays."""
    target = tmp_path / "hello.wav"
    target.write_bytes(b"an older one")
    speech = client.speak("Hello.", "me")
    endpoint.files[f"{speech.job_id}.wav"] += b"damage"

    with pytest.raises(DownloadFailed, match="its sha256 is not the promised one") as caught:
        client.save(speech, target)

    assert SIGNATURE not in f"{caught.value!r} {caught.value.details}"
    assert target.read_bytes() == b"an older one"
    assert left_in(tmp_path) == ["hello.wav"]


def test_an_expired_url_is_replaced(endpoint: Endpoint, client: Client, tmp_path: Path) -> None:
    """An expired URL is replaced by that of the job's result."""
    speech = client.speak("Hello.", "me")
    endpoint.expired.add(f"{speech.job_id}.wav")

    path = client.save(speech, tmp_path / "hello.wav")

    assert path.read_bytes() == wav_of("Hello.")
    assert endpoint.posts[-1] == {"action": "result", "job_id": speech.job_id}


def test_a_file_that_is_gone_is_asked_for_once_more_and_no_oftener(
    endpoint: Endpoint, client: Client, tmp_path: Path
) -> None:
    """A missing file is asked for once more only, because a fresh URL doesn't bring it back."""
    speech = client.speak("Hello.", "me")
    endpoint.url = "https://bucket.example.com/removed/{key}?" + SIGNATURE
    endpoint.files.clear()

    with pytest.raises(DownloadFailed, match="HTTP 404"):
        client.save(speech, tmp_path / "hello.wav")

    assert [fields["action"] for fields in endpoint.posts] == ["generate", "result"]
    assert left_in(tmp_path) == []


def test_the_key_is_for_the_endpoint_alone(endpoint: Endpoint, client: Client, tmp_path: Path) -> None:
    """The key is sent to the endpoint and never to the bucket."""
    client.save(client.speak("Hello.", "me"), tmp_path / "hello.wav")

    keys = {request.url.host: request.headers.get("Authorization") for request in endpoint.requests}
    assert keys == {"api.runpod.ai": "Bearer secret-key", "bucket.example.com": None}


def test_no_log_holds_a_signature_or_the_key(
    endpoint: Endpoint, client: Client, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """No log has a signature or the key: httpx logs each request's URL, and its query is cut off."""
    caplog.set_level(logging.DEBUG)

    speech = client.speak("Hello.", "me")
    client.save(speech, tmp_path / "hello.wav")

    assert "https://bucket.example.com/" in caplog.text
    assert SIGNATURE not in caplog.text + repr(speech) + str(speech.to_json())
    assert "secret-key" not in caplog.text + repr(client.link)


def test_a_redirect_is_not_followed(client: Client, endpoint: Endpoint, tmp_path: Path) -> None:
    """A redirect is not followed, because a presigned URL leads to the file itself."""
    speech = client.speak("Hello.", "me")

    def moved(_: httpx.Request) -> httpx.Response:
        return httpx.Response(302, headers={"Location": "http://169.254.169.254/"})

    with (
        Client("abc123", api_key="k", patience=QUICK, transport=httpx.MockTransport(moved)) as other,
        pytest.raises(DownloadFailed, match="HTTP 302"),
    ):
        other.save(speech, tmp_path / "hello.wav")


def test_a_remote_workers_file_url_is_not_ours(tmp_path: Path) -> None:
    """A file: URL of a remote worker is not opened here; the audio comes inside the reply."""
    (tmp_path / "secret").write_bytes(b"ours")
    endpoint = Endpoint(url=f"file://{tmp_path}/secret")

    with Client("abc123", api_key="secret-key", patience=QUICK, transport=endpoint.transport) as client:
        path = client.save(client.speak("Hello.", "me"), tmp_path / "hello.wav")

    assert path.read_bytes() == wav_of("Hello.")
    assert endpoint.posts[-1]["delivery"] == "inline"


def test_a_full_disk_is_told_and_leaves_nothing(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk is reported without a traceback, and half a file is removed."""
    speech = client.speak("Hello.", "me")

    def full(self: object, piece: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("f5_worker_client.downloads.Whole.write", full)
    with pytest.raises(InvalidRequest, match="No space left on device"):
        client.save(speech, tmp_path / "hello.wav")

    assert left_in(tmp_path) == []


def test_a_kill_in_the_middle_of_a_file_leaves_no_file(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C while the bytes arrive leaves no file."""
    speech = client.speak("Hello.", "me")

    def struck(self: object, piece: bytes) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("f5_worker_client.downloads.Whole.write", struck)
    with pytest.raises(KeyboardInterrupt):
        client.save(speech, tmp_path / "hello.wav")

    assert left_in(tmp_path) == []


def test_a_target_that_cant_be_written_is_named(client: Client, tmp_path: Path) -> None:
    """If the target can't be written, the message names it and the reason."""
    (tmp_path / "file").touch()

    with pytest.raises(InvalidRequest, match=r"file/hello.wav can't be written: "):
        client.save(client.speak("Hello.", "me"), tmp_path / "file" / "hello.wav")


def test_the_files_beside_the_speech_are_brought_too(client: Client, tmp_path: Path) -> None:
    """Files beside the speech are fetched by their kind; one that was not asked for is refused by name."""
    speech = client.speak("Hello.", "me", subtitles=["srt"])

    assert client.save(speech, tmp_path / "hello.srt", kind="srt").read_text().startswith("1\n00:00:00,100 -->")
    with pytest.raises(InvalidRequest, match="has no vtt"):
        client.save(speech, tmp_path / "hello.vtt", kind="vtt")
