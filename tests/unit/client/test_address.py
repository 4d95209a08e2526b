"""Where requests go, and with which key."""

import pytest
from f5_worker_client import InvalidRequest, Unauthorised
from f5_worker_client.address import address_of, key_for


@pytest.mark.parametrize(
    ("endpoint", "url", "root"),
    [
        ("abc123", None, "https://api.runpod.ai/v2/abc123"),
        (None, "http://127.0.0.1:8000", "http://127.0.0.1:8000/v2/local"),
        (None, "http://127.0.0.1:8000/v2/", "http://127.0.0.1:8000/v2/local"),
        ("mine", "http://localhost:8000/v2", "http://localhost:8000/v2/mine"),
        (None, "http://[::1]:8000/v2/x", "http://[::1]:8000/v2/x"),
        ("abc123", "https://host.example.com/queue/v2/x", "https://host.example.com/queue/v2/x"),
    ],
)
def test_the_root_is_made_of_an_id_or_a_url(endpoint: str | None, url: str | None, root: str) -> None:
    """A URL is used before an endpoint's id, with or without its path."""
    assert address_of(endpoint, url, "key").root == root


@pytest.mark.parametrize(
    "url",
    [
        "http://host.example.com/v2/x",
        "ftp://127.0.0.1",
        "127.0.0.1:8000",
        "https://u:p@host/v2/x",
        "https://h/v2/x?a=b",
    ],
)
def test_a_url_that_would_give_the_key_away_is_refused(url: str) -> None:
    """A URL that would reveal the key is refused: plain HTTP to another machine, or credentials in the URL."""
    with pytest.raises(InvalidRequest):
        address_of(None, url, "key")


def test_without_an_endpoint_or_a_key_the_variables_are_named() -> None:
    """If the endpoint or the key is missing or malformed, the error says what to set."""
    with pytest.raises(InvalidRequest, match="F5_ENDPOINT"):
        address_of(None, None, "key")
    for key in (None, " ", "schlüssel", "two words"):
        with pytest.raises(Unauthorised, match="RUNPOD_API_KEY"):
            address_of("abc123", None, key)
    for endpoint in ("a/b", "a b", "?", "ä"):
        with pytest.raises(InvalidRequest, match="an endpoint's id"):
            address_of(endpoint, None, "key")


@pytest.mark.parametrize(
    ("url", "key"),
    [
        (None, "account"),
        ("http://127.0.0.1:8000", "account"),
        ("https://api.runpod.ai/v2/x", "account"),
        ("https://runpod.ai.example.com/v2/x", None),
        ("https://notrunpod.ai/v2/x", None),
    ],
)
def test_the_accounts_key_goes_to_runpod_and_this_machine_alone(url: str | None, key: str | None) -> None:
    """RUNPOD_API_KEY is sent to RunPod and this machine only; F5_API_KEY is sent anywhere, and is used first."""
    assert key_for(url, {"RUNPOD_API_KEY": "account"}) == key
    assert key_for(url, {"RUNPOD_API_KEY": "account", "F5_API_KEY": "one"}) == "one"
