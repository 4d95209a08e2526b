"""What `f5-worker serve` refuses, and who may use what it serves."""

import socket
import sys
from typing import Any

import pytest
from f5_worker_client import InvalidRequest
from f5_worker_client.__main__ import run
from f5_worker_client.cli.options import parser
from f5_worker_client.cli.serve import http_options

EVERYWHERE = "0.0.0.0"  # noqa: S104 - nothing is bound
KEY = {"RUNPOD_API_KEY": "secret-key"}


def options(*arguments: str, **environment: str) -> Any:
    return http_options(parser().parse_args(["serve", "--endpoint", "abc123", *arguments]), environment)


def test_it_is_for_this_machine_alone_unless_told_otherwise() -> None:
    """By default it serves this machine alone, without a key, and answers to no other host's name."""
    told = options()

    assert told.api_key is None
    assert told.hosts == {"127.0.0.1", "localhost", "[::1]"}
    assert told.has_page


@pytest.mark.parametrize("host", [EVERYWHERE, "192.168.1.7", "::", "box.example.com"])
def test_other_machines_need_a_key(host: str) -> None:
    """Serving other machines needs a key, by the option or API_KEY; a blank one doesn't count."""
    with pytest.raises(InvalidRequest, match="set --api-key"):
        options("--host", host, API_KEY=" ")

    assert options("--host", host, "--api-key", "k").api_key == "k"
    assert options("--host", host, API_KEY="k").api_key == "k"


def test_hosts_are_those_that_were_named() -> None:
    """On all addresses any host's name is answered, unless some are named."""
    assert options("--host", EVERYWHERE, "--api-key", "k").hosts is None
    assert "box.example.com" in options("--host", EVERYWHERE, "--api-key", "k", "--allow-host", "box.example.com").hosts
    assert "10.0.0.7" in options("--host", "10.0.0.7", "--api-key", "k").hosts
    assert "voice.lan" in options("--allow-host", "voice.lan").hosts


def test_voices_have_the_names_that_they_are_given() -> None:
    """Voices may get further names, for clients that know OpenAI's only."""
    told = options("--voice-alias", "alloy=anna", "--voice-alias", "nova=ben", "--default-voice", "anna")

    assert (told.aliases, told.default_voice) == ({"alloy": "anna", "nova": "ben"}, "anna")


def test_without_its_packages_one_line_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The plain installation has httpx and rich alone; then one line says what to install."""
    monkeypatch.setitem(sys.modules, "fastapi", None)
    for name in [one for one in sys.modules if one.startswith("http_api")]:
        monkeypatch.delitem(sys.modules, name)

    code = run(["serve", "--endpoint", "abc123"], KEY)

    assert code == 2
    assert capsys.readouterr().err.splitlines() == [
        "f5-worker: INVALID_REQUEST: serve needs packages that are not installed (there is no fastapi): pip install '.[serve]' brings them"
    ]


def test_a_port_that_is_taken_is_told_as_such(capsys: pytest.CaptureFixture[str]) -> None:
    """A port that is taken is reported with an exit code and no traceback."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        code = run(["serve", "--endpoint", "abc123", "--port", str(taken.getsockname()[1])], KEY)

    assert code == 2
    assert "can't be listened on" in capsys.readouterr().err


def test_a_name_without_a_voice_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """A name without a voice is refused by the parser."""
    with pytest.raises(SystemExit):
        options("--voice-alias", "alloy")

    assert "ALIAS=VOICE" in capsys.readouterr().err


def test_a_hosts_name_counts_in_any_case() -> None:
    """Host names are matched in any case, because browsers send lower case."""
    assert "speech.example.com" in options("--allow-host", "Speech.Example.com").hosts
    assert "box.lan" in options("--host", "Box.LAN", "--api-key", "k").hosts


@pytest.mark.parametrize("key", ["ключ", "schlüssel", "a\tb"])
def test_a_key_that_no_header_can_hold_is_refused(key: str) -> None:
    """A key that no header can hold is refused, because nobody could send it."""
    with pytest.raises(InvalidRequest, match="--api-key"):
        options("--api-key", key)
    with pytest.raises(InvalidRequest, match="--api-key"):
        options(API_KEY=key)


def test_a_blank_key_is_none() -> None:
    """A blank key counts as none, on the command line as in the environment."""
    assert options("--api-key", " ").api_key is None
    assert options("--api-key", " k ").api_key == "k"
