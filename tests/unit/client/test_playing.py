"""`--play-as-it-comes`: every sample is played once and in order, whatever the updates leave out."""

import stat
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from f5_worker_client import InvalidRequest
from f5_worker_client.__main__ import run
from f5_worker_client.cli.playing import PLAYERS, player_here

from tests.unit.client.endpoint import QUICK, Endpoint, sha256, wav, wav_of

KEY = {"RUNPOD_API_KEY": "secret-key", "F5_ENDPOINT": "abc123"}
PARTS = 10
_SHOWN = 2


class InParts(Endpoint):
    """An endpoint whose jobs have ten parts; an update shows the last two, and not every part has an update."""

    anew = False

    def samples(self, text: str) -> list[bytes]:
        frames = wav_of(text)[44:]
        size = len(frames) // PARTS
        return [frames[n * size : (n + 1) * size] for n in range(PARTS)]

    def items(self, fields: dict[str, Any], ready: int) -> list[dict[str, Any]]:
        listed: list[dict[str, Any]] = []
        for index, frames in enumerate(self.samples(fields["text"])[:ready]):
            data = wav(frames)
            key = f"jobs/{fields['job_id']}/parts/{index}-0123456789abcdef.wav"
            self.files[key] = data
            follows = listed[-1]["chain"] if listed else ""
            order = {"follows": follows, "chain": sha256(f"{follows} {sha256(data)}".encode())}
            told = {"index": index, "key": key, **order, "sha256": sha256(data), "url": self.url.format(key=key)}
            listed.append(told)
        return listed

    def _run(self, fields: dict[str, Any]) -> httpx.Response:
        reply = super()._run(fields)
        if fields["action"] == "generate":
            shown = [self.items(fields, ready)[-_SHOWN:] for ready in (1, 4, 5)]
            if self.anew:
                shown[1] = [{**shown[0][0], "chain": "another"}]
            end = next(reversed(self._queue.values())).pop()
            updates = [{"job_id": fields["job_id"], "done": n, "parts": {"items": one}} for n, one in enumerate(shown)]
            states = [{"status": "IN_PROGRESS", "output": update} for update in updates]
            self._queue[f"ticket-{len(self.posts)}"] = [*states, end]
        return reply

    def do_generate(self, fields: dict[str, Any]) -> dict[str, Any]:
        return {**super().do_generate(fields), "parts": {"items": self.items(fields, PARTS)[-_SHOWN:]}}

    def do_status(self, fields: dict[str, Any]) -> dict[str, Any]:
        after = fields["parts_after"] + 1
        items = self.items(self.jobs[fields["job_id"]], PARTS)[after : after + 4]
        return {**super().do_status(fields), "parts": {"items": items}}


@pytest.fixture
def endpoint() -> InParts:
    return InParts()


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose only player writes down what it hears."""
    player = tmp_path / "bin" / "aplay"
    player.parent.mkdir()
    player.write_text(f'#!{sys.executable}\nimport sys\nopen("heard", "ab").write(sys.stdin.buffer.read())\n')
    player.chmod(player.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(player.parent))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("f5_worker_client.__main__.Patience", lambda **_: QUICK)
    return tmp_path


def speak(endpoint: InParts, text: str, *options: str) -> int:
    return run(
        ["speak", text, "--voice", "me", "-o", "out.wav", "--play-as-it-comes", *options], KEY, endpoint.transport
    )


def test_all_of_it_is_played_and_written(endpoint: InParts, desk: Path) -> None:
    """Parts that no update named are asked for, and all are played and written; the job has WAV parts."""
    code = speak(endpoint, "Hello.")

    assert code == 0
    assert (desk / "heard").read_bytes() == b"".join(endpoint.samples("Hello."))
    assert (desk / "out.wav").read_bytes() == wav_of("Hello.")
    sent = endpoint.posts[0]
    assert (sent["parts"], sent["parts_format"], sent["first_chunk_s"]) == (True, "wav", 3.0)


def test_a_text_of_several_jobs_is_played_job_by_job(endpoint: InParts, desk: Path) -> None:
    """A text of several jobs is played in order, whichever job is ready first."""
    (desk / "book.txt").write_text("Chapter 1\n\nIt rained.\n\nChapter 2\n\nIt stopped.\n", encoding="utf-8")

    assert speak(endpoint, "book.txt", "--max-chars", "30", "--quiet") == 0

    texts = sorted({fields["text"] for fields in endpoint.posts if fields["action"] == "generate"})
    assert (desk / "heard").read_bytes() == b"".join(one for text in texts for one in endpoint.samples(text))


def test_what_is_spoken_already_is_played_too(endpoint: InParts, desk: Path) -> None:
    """A finished job sends no update, but its parts are still there to be played."""
    speak(endpoint, "Hello.")
    (desk / "heard").unlink()

    assert speak(endpoint, "Hello.") == 0
    assert (desk / "heard").read_bytes() == b"".join(endpoint.samples("Hello."))


def test_a_player_that_goes_away_does_not_end_the_speech(
    endpoint: InParts, desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """If the player ends early, the file is still written."""
    (desk / "bin" / "aplay").write_text("#!/bin/sh\nexit 1\n")

    code = speak(endpoint, "Hello.")

    assert code == 0
    assert (desk / "out.wav").read_bytes() == wav_of("Hello.")
    assert not (desk / "heard").exists()
    assert "Traceback" not in capsys.readouterr().err


def test_a_job_that_is_spoken_anew_is_not_played_on(
    endpoint: InParts, desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A job that is spoken again is not played on, since two takes don't fit together; the file has the new one."""
    endpoint.anew = True

    code = speak(endpoint, "Hello.")

    assert code == 0
    assert "what was played is void" in capsys.readouterr().err
    assert (desk / "out.wav").read_bytes() == wav_of("Hello.")


def test_a_failed_job_is_told_as_ever(endpoint: InParts, desk: Path) -> None:
    """A failed job is reported as usual, and the player ends."""
    endpoint.failures = [{"code": "INVALID_TEXT", "message": "no words", "retryable": False, "details": {}}]

    assert speak(endpoint, "Hello.") == 2


def test_without_a_player_nothing_is_sent(
    endpoint: InParts, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a player nothing is sent, and one line says what to install."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)

    assert speak(endpoint, "Hello.") == 2
    assert endpoint.posts == []
    assert "ffplay, aplay, paplay" in capsys.readouterr().err


def test_the_first_player_that_is_there_is_taken() -> None:
    """The first installed player is used, and is told the format of the bytes."""
    assert player_here(lambda name: name if name == "paplay" else None) == "paplay"
    assert player_here(str) == "ffplay"
    for arguments in PLAYERS.values():
        assert any("24000" in one for one in arguments(24_000))
    with pytest.raises(InvalidRequest):
        player_here(lambda _: None)
