"""The hub's failures: a name that can't exist must be fixed by its owner; a hub that is down may work with the next call."""

import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import httpx
import numpy as np
import pytest
import requests
from huggingface_hub import errors

from cloning.errors import CheckpointUnusable, HubUnavailable, TranscriptionFailed
from engines.f5.vocoder import load_vocoder
from engines.speakers.wespeaker import Wespeaker
from engines.whisper.transcriber import WhisperTranscriber
from model_cache.hub import hub_fetcher
from storage.hub_errors import hub_failure, is_hub_trouble, lasting_reason
from tests.standins.fakes import ManualClock


def response(status: int) -> httpx.Response:
    return httpx.Response(status, request=httpx.Request("GET", "https://hub.example/x"))


def http(status: int) -> Exception:
    return errors.HfHubHTTPError("refused", response=response(status))


def unreached(cause: Exception) -> Exception:
    """The error of huggingface_hub when it reached neither the hub nor a file of its own."""
    error = errors.LocalEntryNotFoundError("not found on disk, and the hub can't be reached")
    error.__cause__ = cause
    return error


def wrapped(cause: Exception) -> Exception:
    """The error as transformers reports it."""
    error = OSError("x is not a local folder and is not a valid model identifier")
    error.__cause__ = cause
    return error


LASTING = {
    "no such repository": errors.RepositoryNotFoundError("404", response=response(404)),
    "private, or misspelt": errors.RepositoryNotFoundError("401", response=response(401)),
    "gated": errors.GatedRepoError("403", response=response(403)),
    "disabled": errors.DisabledRepoError("403", response=response(403)),
    "no such revision": errors.RevisionNotFoundError("404", response=response(404)),
    "no such file": errors.RemoteEntryNotFoundError("404", response=response(404)),
    "no name": errors.HFValidationError("Repo id must be ..."),
    "unreached for 403": unreached(http(403)),
    "unreached for 401": unreached(http(401)),
}
PASSING = {
    "no connection": httpx.ConnectError("refused"),
    "no answer": httpx.ReadTimeout("slow"),
    "no name of a host": requests.ConnectionError("DNS"),
    "requests' timeout": requests.Timeout("slow"),
    "the system's": ConnectionResetError(104, "reset"),
    "too many requests": http(429),
    "server error": http(500),
    "bad gateway": http(502),
    "unreached": unreached(httpx.ConnectError("refused")),
    "unreached for 503": unreached(http(503)),
    "offline": unreached(errors.OfflineModeIsEnabled("HF_HUB_OFFLINE")),
    "nothing known": errors.LocalEntryNotFoundError("nothing"),
}


@pytest.mark.parametrize("lasting", [CheckpointUnusable, TranscriptionFailed])
@pytest.mark.parametrize("error", LASTING.values(), ids=LASTING)
def test_a_name_that_cannot_be_is_not_tried_again(
    error: Exception, lasting: type[CheckpointUnusable | TranscriptionFailed]
) -> None:
    """A name that can't exist is not retryable, bare or wrapped by transformers, and the message says what to do."""
    for one in (error, wrapped(error)):
        failure = hub_failure(one, "the thing", lasting, source="x")

        assert (type(failure), failure.retryable, failure.details) == (lasting, False, {"source": "x"})
        assert failure.message.endswith(lasting_reason(error) or "?")
        assert is_hub_trouble(one)


@pytest.mark.parametrize("error", PASSING.values(), ids=PASSING)
def test_a_hub_that_is_away_is_tried_again(error: Exception) -> None:
    """A hub that is down is retryable, whichever library reports it."""
    for one in (error, wrapped(error)):
        failure = hub_failure(one, "the thing", CheckpointUnusable)

        assert (type(failure), failure.retryable) == (HubUnavailable, True)
        assert is_hub_trouble(one)


@pytest.mark.parametrize("error", [ValueError("x"), OSError("x"), RuntimeError("x"), KeyError("x")], ids=repr)
def test_what_was_fetched_is_not_the_hub(error: Exception) -> None:
    """A file that is there and can't be read is no failure of the hub."""
    assert not is_hub_trouble(error)


@pytest.fixture(params=[*LASTING, *PASSING])
def trouble(request: pytest.FixtureRequest) -> tuple[Exception, bool]:
    """(what the hub's client raises, whether it lasts)"""
    return {**LASTING, **PASSING}[request.param], request.param in LASTING


def test_all_models_of_the_hub_say_the_same(
    trouble: tuple[Exception, bool], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Checkpoint, vocoder, recogniser and speaker model report the same failure of the hub alike: as lasting or as passing."""
    error, lasts = trouble
    noise = np.ones(16_000, np.float32)

    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setitem(sys.modules, "cached_path", SimpleNamespace(cached_path=fail))
    monkeypatch.setattr("huggingface_hub.hf_hub_download", fail)
    monkeypatch.setattr("transformers.PreTrainedConfig.get_config_dict", fail)
    asked: dict[str, Callable[[], object]] = {
        "checkpoint": lambda: hub_fetcher(tmp_path)("hf://somebody/something/model.safetensors"),
        "vocoder": lambda: load_vocoder(None, "cpu"),
        "recogniser": lambda: WhisperTranscriber.load("somebody/whisper", "cpu"),
        "speaker model": lambda: Wespeaker("somebody/wespeaker", ManualClock()).similarity(noise, noise, 16_000),
    }

    for who, ask in asked.items():
        with pytest.raises((CheckpointUnusable, TranscriptionFailed, HubUnavailable)) as caught:
            ask()
        assert caught.value.retryable is not lasts, who
