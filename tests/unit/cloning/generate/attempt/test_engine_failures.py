"""An engine that raises, leaves, or makes noise or silence fails its job, and tells nobody more than an incident."""

import json

import numpy as np
import pytest

from cloning.errors import Internal
from cloning.service import Service
from tests.standins.fakes import ToneEngine
from tests.unit.cloning.asking import act


def test_a_bug_is_recorded_without_its_traceback(service: Service, anna: str, engine: ToneEngine) -> None:
    """After a bug the caller and the job's record get an incident id, and nothing else."""

    def fail(_: str) -> None:
        raise RuntimeError("secret /path/to/model on host gpu-7")

    engine.before_speaking = fail
    with pytest.raises(Internal) as caught:
        act(service, text="Hello.", voice=anna)

    status = act(service, action="status", job_id="runpod-1")
    assert (status["status"], status["failure"]["code"]) == ("INTERRUPTED", "INTERNAL")
    assert status["failure"]["details"] == {"incident": caught.value.details["incident"]}
    assert "secret" not in json.dumps([status, caught.value.to_reply()])


def test_noise_from_the_engine_is_a_failure(service: Service, anna: str, engine: ToneEngine) -> None:
    """NaN samples (half precision gone wrong) never become a file."""
    engine.speak = lambda *_, **__: np.array([np.nan], np.float32)  # type: ignore[method-assign]

    with pytest.raises(Internal):
        act(service, text="Hello.", voice=anna)
    assert act(service, action="status", job_id="runpod-1")["failure"]["code"] == "INTERNAL"


def test_a_librarys_exit_does_not_end_the_worker(service: Service, anna: str, engine: ToneEngine) -> None:
    """A library's SystemExit becomes a failure of the job; it would otherwise end the process without a reply."""

    def leave(_: str) -> None:
        raise SystemExit(3)

    engine.before_speaking = leave

    with pytest.raises(Internal):
        act(service, text="Hello.", voice=anna)
    assert act(service, action="status", job_id="runpod-1")["failure"]["code"] == "INTERNAL"


def test_silence_from_the_engine_is_a_failure(service: Service, anna: str, engine: ToneEngine) -> None:
    """Silence from the engine (half precision on some cards) is a failure."""
    engine.speak = lambda *_, **__: np.zeros(24_000, np.float32)  # type: ignore[method-assign]

    with pytest.raises(Internal):
        act(service, text="Hello.", voice=anna)
