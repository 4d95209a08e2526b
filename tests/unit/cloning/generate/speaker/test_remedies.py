"""What is tried on the same device: memory is made, a chunk is made again or frugally, a misplaced model is loaded again."""

from base64 import b64encode
from typing import Any

import pytest

from cloning.errors import ServiceError
from cloning.service import Call
from engines.device.errors import translated
from handler import answer
from tests.standins.fakes import EchoTranscriber
from tests.unit.cloning.generate.speaker.world import FailingEngine, World, astray, oom


def test_memory_is_made_and_the_chunk_made_again(world: World) -> None:
    """If memory is short, caches and the recogniser are dropped and the chunk is made again as before: the same speech, not reported."""
    plain = world.generate("plain")
    world.failures.append(oom())
    helped = world.generate("helped")

    assert helped["audio"]["sha256"] == plain["audio"]["sha256"]
    assert (helped["manifest"]["chunks_frugal"], world.recogniser_unloads) == (0, 1)


def test_then_it_is_made_frugally_and_the_manifest_says_so(world: World) -> None:
    """If that fails, the chunk is made frugally; its samples differ by rounding, so the manifest says so."""
    world.failures += [oom(), oom()]

    reply = world.generate()

    assert reply["status"] == "COMPLETED"
    assert reply["manifest"]["chunks_frugal"] == 1
    assert world.engines[0].calls[:4] == [False, False, True, False]


def test_an_engine_that_can_not_be_frugal_is_not_asked_to_be(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine without a frugal mode isn't asked for it, and no chunk is counted as frugal."""
    monkeypatch.setattr(FailingEngine, "can_be_frugal", False)
    world.failures += [oom(), None]
    helped = world.generate("helped")
    world.failures += [oom(), oom()]

    reply = world.generate("j")

    assert (helped["status"], helped["manifest"]["chunks_frugal"]) == ("COMPLETED", 0)
    assert reply["code"] == "GPU_OUT_OF_MEMORY"
    assert not any(world.engines[0].calls)
    assert world.failures == []


def test_then_it_is_a_retryable_failure_that_replaces_the_worker(world: World) -> None:
    """If that fails too, the failure is retryable and replaces the worker; the record gives its lease back, and the next delivery completes."""
    world.failures += [oom(), oom(), oom()]

    reply = world.generate()
    record = world.service.jobs.get("j")
    again = world.generate()

    assert (reply["code"], reply["retryable"], reply["refresh_worker"]) == ("GPU_OUT_OF_MEMORY", True, True)
    assert record.is_interrupted(world.service.clock.now())
    assert (record.failure and record.failure.code) == "GPU_OUT_OF_MEMORY"
    assert (again["status"], again["manifest"]["attempt"]) == ("COMPLETED", 2)


def test_memory_that_is_short_while_loading_is_made_too(world: World) -> None:
    """If memory is short while loading, the recogniser is unloaded and the load is tried again."""
    with pytest.raises(ServiceError) as failure, translated("cuda"):
        raise oom()
    world.load_failures.append(failure.value)

    assert world.generate()["status"] == "COMPLETED"
    assert (world.loads, world.recogniser_unloads) == ([None, None], 1)


def test_a_model_astray_is_loaded_again_and_speaks(world: World) -> None:
    """A misplaced model is loaded again, and the speech is the same as ever. (Seed 003.)"""
    plain = world.generate("plain")
    world.failures.append(astray())

    helped = world.generate("helped")

    assert helped["audio"]["sha256"] == plain["audio"]["sha256"]
    assert world.loads == [None, None]


def test_a_model_that_stays_astray_is_a_clear_failure(world: World) -> None:
    """A model that stays misplaced is a clear failure, not silently another device, which the caller didn't allow."""
    world.failures += [astray(), astray()]

    reply = world.generate()

    assert (reply["code"], reply["retryable"], reply["refresh_worker"]) == ("DEVICE_MISMATCH", True, True)
    assert world.loads == [None, None]


def test_frugal_chunks_are_not_kept_for_another_attempt(world: World) -> None:
    """Frugal chunks aren't used by another attempt, whose samples would differ; the others are."""
    world.failures += [None, oom(), oom(), None, oom(), oom(), oom()]  # the second chunk is frugal, the third fails

    first = world.generate("j")
    again = world.generate("j")

    assert first["code"] == "GPU_OUT_OF_MEMORY"
    assert (again["status"], again["manifest"]["chunks_reused"]) == ("COMPLETED", 1)


def test_hearing_gets_over_a_device_once(world: World, human_wav: bytes, transcriber: EchoTranscriber) -> None:
    """A recogniser's failure is remedied once: the engine is unloaded, then the recording is heard."""
    world.generate("warm")
    heard = transcriber.transcribe
    failures = [oom()]

    def transcribe(*arguments: Any, **options: Any) -> Any:
        with translated("cuda"):
            if failures:
                raise failures.pop()
        return heard(*arguments, **options)

    object.__setattr__(transcriber, "transcribe", transcribe)
    audio = b64encode(human_wav).decode()
    upload = {"action": "upload", "voice": "bert", "audio": audio, "consent": True, "transcribe_now": True}

    reply = answer(world.service, upload, Call("u2"))

    assert reply["transcript"] == transcriber.words
    assert world.service.engines.loaded() is None
