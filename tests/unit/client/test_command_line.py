"""`f5-worker`: results on stdout, remarks on stderr, an exit code for each kind of failure."""

import io
import json
from pathlib import Path

import pytest
from f5_worker_client.__main__ import run

from tests.unit.client.endpoint import SIGNATURE, Endpoint, wav_of

KEY = {"F5_ENDPOINT": "abc123", "RUNPOD_API_KEY": "secret-key"}
Capture = pytest.CaptureFixture[str]


@pytest.fixture
def endpoint() -> Endpoint:
    return Endpoint(polls=0)


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def f5_worker(endpoint: Endpoint, *arguments: str) -> int:
    return run(arguments, KEY, endpoint.transport)


def test_a_first_visit(endpoint: Endpoint, capsys: Capture) -> None:
    """upload, voices, speak, status, result and delete each answer with one line."""
    Path("me.wav").write_bytes(wav_of("me"))

    codes = [
        f5_worker(endpoint, *line.split())
        for line in (
            "upload me.wav --voice me --consent yes,I,agree --language en",
            "voices",
            "speak Hello. --voice me -o hello.wav --job-id one",
            "status one",
            "result one -o again.wav",
            "delete --job one",
            "delete --voice me",
        )
    ]

    assert codes == [0] * 7
    assert capsys.readouterr().out.splitlines() == [
        "me",
        "me\t4.96\ten",
        "hello.wav",
        "COMPLETED\t2/2",
        "again.wav",
        "one",
        "me",
    ]
    assert Path("hello.wav").read_bytes() == Path("again.wav").read_bytes() == wav_of("Hello.")
    assert (endpoint.jobs, endpoint.voices) == ({}, {})


def test_speak_asks_for_what_its_options_say(endpoint: Endpoint) -> None:
    """Each option of `speak` sets its field."""
    options = (
        "--seed 7 --speed 1.2 --check full --draws 2 --on-mismatch fail --profile fast --engine f5 --checkpoint C --language en "
        "--normalize off --dictionary d --say GIF=jif --say x=5 --set nfe_step=16 --set fallback=[] --srt --vtt --words --job-id j"
    )

    assert f5_worker(endpoint, "speak", "Hello.", "--voice", "me", "-o", "hello.opus", *options.split()) == 0

    assert endpoint.posts[0] == {
        "action": "generate", "text": "Hello.", "voice": "me", "seed": 7, "speed": 1.2, "check": "full", "draws": 2,
        "on_mismatch": "fail", "profile": "fast", "engine": "f5", "checkpoint": "C", "language": "en", "normalize": "off",
        "dictionary": "d", "say": {"GIF": "jif", "x": "5"}, "nfe_step": 16, "fallback": [], "subtitles": ["srt", "vtt"],
        "words": True, "format": "ogg", "job_id": "j",
    }  # fmt: skip


def test_the_same_command_finds_the_same_job(endpoint: Endpoint) -> None:
    """The same command finds the same job; `--again` or any other value makes another one."""
    for more in ([], [], ["--again"], ["--seed", "1"]):
        assert f5_worker(endpoint, "speak", "Hello.", "--voice", "me", "-o", "hello.wav", *more) == 0

    ids = [fields["job_id"] for fields in endpoint.posts]
    assert len(ids) == 4
    assert len(set(ids)) == 3
    assert ids[0] == ids[1]


@pytest.mark.parametrize("how", ["argument", "file", "stdin", "forced"])
def test_a_text_comes_as_it_is_from_a_file_or_from_stdin(
    how: str, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A text comes unchanged from a file or from stdin, without its byte order mark."""
    Path("story.txt").write_bytes("\ufeffGrüße.".encode())
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO("Grüße.".encode())))
    argument = {"argument": ["Grüße."], "file": ["story.txt"], "stdin": ["-"], "forced": ["story.txt", "--text"]}[how]

    assert f5_worker(endpoint, "speak", *argument, "--voice", "me", "-o", "hello.wav") == 0

    assert endpoint.posts[0]["text"] == ("story.txt" if how == "forced" else "Grüße.")


def test_a_file_that_is_missing_or_no_text_is_not_spoken(endpoint: Endpoint, capsys: Capture) -> None:
    """A missing file or one without text is an error: its name or bytes are not read aloud."""
    Path("noise.txt").write_bytes(b"\xff\xfe\x00")

    assert f5_worker(endpoint, "speak", "book.txt", "--voice", "me", "-o", "book.wav") == 2
    assert f5_worker(endpoint, "speak", "noise.txt", "--voice", "me", "-o", "book.wav") == 2
    assert f5_worker(endpoint, "upload", "nobody.wav", "--voice", "me") == 2

    assert endpoint.posts == []
    errors = capsys.readouterr().err
    assert "there is no file 'book.txt'" in errors
    assert "noise.txt is not UTF-8 (byte 0)" in errors
    assert "nobody.wav can't be read: No such file" in errors


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["upload", "https://example.com/me.wav", "--voice", "me"], 2),
        (["status", "nobody"], 3),
        (["cancel", "nobody"], 3),
        (["result", "nobody"], 3),
        (["delete", "--voice", "nobody"], 3),
        (["check", "https://example.com/me.wav", "--text", "This is not said."], 1),
        (["check", "https://example.com/me.wav", "--text", "This is said."], 0),
        (["health"], 0),
        (["health", "--queue"], 0),
    ],
)
def test_each_outcome_has_its_exit_code(endpoint: Endpoint, arguments: list[str], code: int) -> None:
    """Each outcome has its exit code, for scripts."""
    assert f5_worker(endpoint, *arguments) == code


def test_health_of_the_queue_alone_wakes_nobody(endpoint: Endpoint) -> None:
    """`health --queue` asks the queue alone, because a worker costs money."""
    f5_worker(endpoint, "health", "--queue")

    assert endpoint.posts == []


def test_an_http_server_has_no_queue_whose_health_could_be_told(endpoint: Endpoint, capsys: Capture) -> None:
    """It says so instead of counting nothing."""
    server = ["--url", "http://127.0.0.1:8080/v1"]

    f5_worker(endpoint, "health", "--queue")
    f5_worker(endpoint, "health", "--queue", *server)

    at_the_queue, at_the_server = capsys.readouterr().out.splitlines()
    assert at_the_queue == "queue\t1 idle, 0 running; 0 inQueue"
    assert at_the_server == "queue\tnone: a worker that answers HTTP has no queue"


def test_what_a_check_finds_is_told_with_its_window(endpoint: Endpoint, capsys: Capture) -> None:
    """A problem has no time of its own: the window in which it was found does."""
    f5_worker(endpoint, "check", "https://example.com/me.wav", "--text", "This is not said.")

    assert "in what begins at 0.0 s: missing not" in capsys.readouterr().err


def test_json_is_for_programs(endpoint: Endpoint, capsys: Capture) -> None:
    """With `--json` stdout has one object with the path and the facts, or stderr one with the error; neither has a URL."""
    f5_worker(endpoint, "speak", "Hello.", "--voice", "me", "-o", "hello.wav", "--json", "--quiet")
    spoken = capsys.readouterr()
    f5_worker(endpoint, "status", "nobody", "--json")
    failed = capsys.readouterr()

    told = json.loads(spoken.out)
    assert told["paths"] == ["hello.wav"]
    assert told["parts"][0]["sha256"]
    assert SIGNATURE not in spoken.out
    assert spoken.err == failed.out == ""
    assert json.loads(failed.err)["error"]["code"] == "JOB_NOT_FOUND"


def test_without_a_terminal_progress_is_lines(endpoint: Endpoint, capsys: Capture) -> None:
    """Without a terminal each step of the progress is one line on stderr; stdout has the path alone."""
    endpoint.polls = 2

    f5_worker(endpoint, "speak", "Hello.", "--voice", "me", "-o", "hello.wav")

    told = capsys.readouterr()
    assert told.out == "hello.wav\n"
    assert told.err.splitlines() == [
        "waiting for a worker",
        "speaking once the model is loaded, 0 of 2 chunks",
        "speaking, 1 of 2 chunks",
        "done",
        "made with F5-TTS",
    ]


def test_on_a_terminal_progress_is_a_bar(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal progress is a bar on stderr, drawn by rich."""
    screen = io.StringIO()
    monkeypatch.setattr(screen, "isatty", lambda: True)
    monkeypatch.setattr("sys.stderr", screen)
    monkeypatch.setenv("TERM", "xterm")

    f5_worker(endpoint, "speak", "One.\n\nTwo.", "--voice", "me", "-o", "hello.wav", "--max-chars", "5")

    assert "of 2 parts" in screen.getvalue()


def test_a_book_says_that_its_parts_were_kept(endpoint: Endpoint, capsys: Capture) -> None:
    """A book that can't be joined prints the paths of its parts on stdout, in order."""
    f5_worker(endpoint, "speak", "One.\n\nTwo.", "--voice", "me", "-o", "book.mp3", "--max-chars", "5")

    told = capsys.readouterr()
    assert told.out == "book.001.mp3\nbook.002.mp3\n"
    assert "can't be joined without loss" in told.err


def test_read_prints_what_will_be_read(endpoint: Endpoint, capsys: Capture) -> None:
    """`read` prints the reading and speaks nothing."""
    f5_worker(endpoint, "read", "It costs $5.", "--language", "en", "--say", "GIF=jif")

    assert capsys.readouterr().out == "It costs five dollars.\n"
    assert endpoint.posts == [{"action": "read", "text": "It costs $5.", "language": "en", "say": {"GIF": "jif"}}]


def test_ctrl_c_says_that_the_job_goes_on(endpoint: Endpoint, capsys: Capture) -> None:
    """After Ctrl-C the message says that the job goes on, and how to find or end it."""
    endpoint.faults = {1: KeyboardInterrupt}

    assert f5_worker(endpoint, "voices") == 130
    assert "the same command finds it" in capsys.readouterr().err


def test_a_job_in_runpods_queue_is_cancelled_there(endpoint: Endpoint, capsys: Capture) -> None:
    """A job that is still in RunPod's queue is cancelled there, by RunPod's id, because the worker doesn't know it yet."""
    endpoint._queue["ticket-2"] = [{"status": "IN_QUEUE"}]

    assert f5_worker(endpoint, "cancel", "ticket-2") == 0
    assert capsys.readouterr().out == "CANCELLED\n"


def test_a_job_that_ended_for_good_says_how_to_make_another(endpoint: Endpoint, capsys: Capture) -> None:
    """If a job ended for good, the message says how to make another: the same request is the same job."""
    endpoint.failures = [{"code": "JOB_CANCELLED", "message": "cancelled", "retryable": False, "details": {}}]

    assert f5_worker(endpoint, "speak", "Hello.", "--voice", "me", "-o", "hello.wav") == 5
    assert "--again makes another one" in capsys.readouterr().err


def test_a_url_means_its_own_endpoint(endpoint: Endpoint) -> None:
    """With a URL the endpoint is `local` unless the command names one; F5_ENDPOINT is RunPod's."""
    run(["health", "--queue", "--url", "http://127.0.0.1:8000"], KEY, endpoint.transport)
    run(["health", "--queue", "--endpoint", "abc123"], {**KEY, "F5_URL": "http://127.0.0.1:8000"}, endpoint.transport)

    assert [f"{request.url.host}{request.url.path}" for request in endpoint.requests] == [
        "127.0.0.1/v2/local/health",
        "api.runpod.ai/v2/abc123/health",
    ]


def test_a_reply_doesnt_steer_the_terminal(endpoint: Endpoint, capsys: Capture) -> None:
    """Control characters in a reply are not printed, so that it can't steer the terminal."""
    endpoint.failures = [{"code": "CONFLICT", "message": "\x1b]0;owned\x07", "retryable": False, "details": {}}]

    assert f5_worker(endpoint, "voices") == 4
    assert "\x1b" not in capsys.readouterr().err


def test_voices_come_page_by_page(endpoint: Endpoint, capsys: Capture) -> None:
    """All pages of voices are listed."""
    endpoint.voices = {name: {"voice": name} for name in "abcde"}

    f5_worker(endpoint, "voices")

    assert capsys.readouterr().out.split() == list("abcde")
