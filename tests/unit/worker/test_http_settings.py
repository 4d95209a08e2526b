"""The HTTP server's settings."""

import pytest
from pydantic import ValidationError

from cloning.settings import Settings
from http_api.options import LOOPBACK
from worker.http_server import host_of, options_of, ports_of


def test_the_door_is_as_the_settings_say(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each variable reaches the server."""
    for name, value in {
        "SERVE": "HTTP", "PORT": "8000", "PORT_HEALTH": "8001", "API_KEY": "k", "VOICE_ALIASES": "alloy=anna, nova=ben,",
        "DEFAULT_VOICE": "anna", "HTTP_HOSTS": "Speech.example.com, [::1]",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)

    settings = Settings()
    options = options_of(settings)

    assert (settings.serve, ports_of(settings)) == ("http", (8000, 8001))
    assert (options.api_key, options.default_voice) == ("k", "anna")
    assert options.aliases == {"alloy": "anna", "nova": "ben"}
    assert options.hosts == frozenset({"speech.example.com", "[::1]"})
    assert "k'" not in repr(settings)


def test_on_runpod_it_is_open_to_any_host_on_port_80(monkeypatch: pytest.MonkeyPatch) -> None:
    """On RunPod the server is open to any host on port 80, because RunPod's load balancer is in front and checks its own key."""
    monkeypatch.setenv("PORT_HEALTH", "80")
    monkeypatch.setenv("RUNPOD_ENDPOINT_ID", "abc123")
    settings = Settings()

    assert (settings.serve, ports_of(settings), host_of(settings)) == ("queue", (80,), "0.0.0.0")  # noqa: S104
    assert (options_of(settings).api_key, options_of(settings).hosts) == (None, None)


def test_elsewhere_nobody_else_reaches_it_without_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Elsewhere nobody else reaches it without a key; a page's own name for this machine is refused too."""
    bare = Settings()
    monkeypatch.setenv("API_KEY", "k")
    keyed = Settings()

    assert (host_of(bare), options_of(bare).hosts) == ("127.0.0.1", LOOPBACK)
    assert (host_of(keyed), options_of(keyed).hosts) == ("0.0.0.0", None)  # noqa: S104


def test_aliases_may_be_json(monkeypatch: pytest.MonkeyPatch) -> None:
    """Aliases may be JSON, as Kokoro's are."""
    monkeypatch.setenv("VOICE_ALIASES", '{"alloy": "anna"}')

    assert Settings().voice_aliases == {"alloy": "anna"}


@pytest.mark.parametrize("value", ["alloy", "alloy=", "=anna", '{"alloy": 1}', "{alloy}", "alloy=../x", "alloy=a b"])
def test_an_alias_without_a_voice_is_refused(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An alias without a voice is refused by its name."""
    monkeypatch.setenv("VOICE_ALIASES", value)

    with pytest.raises(ValidationError, match="alloy=anna"):
        Settings()


@pytest.mark.parametrize("value", ["https://speech.example.com", "speech.example.com:80", "a b", ","])
def test_a_host_is_a_name_alone(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host is a name alone, without scheme and port."""
    monkeypatch.setenv("HTTP_HOSTS", value)

    with pytest.raises(ValidationError, match="without scheme and port"):
        Settings()
