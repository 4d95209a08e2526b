"""After a fatal error the worker is unfit: what it refuses, what it still answers, and who takes its job over."""

from base64 import b64encode
from pathlib import Path

from cloning.service import Call
from handler import answer
from storage.folder_store import FolderStore
from tests.conftest import make_service
from tests.standins.fakes import EchoTranscriber, ManualClock, ToneEngine
from tests.unit.cloning.generate.speaker.world import TEXT, World, fatal


def test_a_fatal_error_makes_the_worker_unfit(world: World) -> None:
    """After a fatal error every reply is WORKER_UNFIT and asks for another worker, the GPU isn't used any more, and health says why."""
    world.failures.append(fatal())

    first = world.generate("first")
    second = world.generate("second")
    health = answer(world.service, {"action": "health"}, Call("h"))

    for reply in (first, second):
        assert (reply["code"], reply["retryable"], reply["refresh_worker"]) == ("WORKER_UNFIT", True, True)
        assert "device-side assert" in reply["message"]
    assert len(world.engines[0].calls) == 1
    assert (health["status"], health["unfit"]["code"]) == ("degraded", "WORKER_UNFIT")


def test_another_worker_takes_over_what_an_unfit_one_held(world: World, clock: ManualClock, tmp_path: Path) -> None:
    """An unfit worker gives its job's lease back at once; a job that it refused has no record at all."""
    world.failures.append(fatal())
    world.generate("first")
    refused = world.generate("refused")
    store = world.service.store
    assert isinstance(store, FolderStore)
    other = make_service(world.service.settings, store, clock, ToneEngine(), EchoTranscriber(), tmp_path, worker="w2")

    reply = answer(other, {"text": TEXT, "voice": "anna"}, Call("first"))

    assert (reply["status"], reply["manifest"]["attempt"], reply["manifest"]["worker"]) == ("COMPLETED", 2, "w2")
    assert (refused["code"], other.jobs.find("refused")) == ("WORKER_UNFIT", None)


def test_an_unfit_worker_still_answers_from_the_bucket(world: World) -> None:
    """An unfit worker still answers what needs no GPU: a finished job, its status, its result."""
    done = world.generate("done")
    world.failures.append(fatal())
    world.generate("first")

    assert world.generate("done")["audio"]["sha256"] == done["audio"]["sha256"]
    assert answer(world.service, {"action": "status", "job_id": "done"}, Call("s"))["status"] == "COMPLETED"


def test_an_unfit_worker_hears_nothing_either(world: World, human_wav: bytes, transcriber: EchoTranscriber) -> None:
    """An unfit worker doesn't transcribe: an upload that asks for it is stored, and refused as retryable."""
    world.failures.append(fatal())
    world.generate("first")
    audio = b64encode(human_wav).decode()
    upload = {"action": "upload", "voice": "bert", "audio": audio, "consent": True, "transcribe_now": True}

    reply = answer(world.service, upload, Call("u2"))

    assert (reply["code"], transcriber.calls) == ("WORKER_UNFIT", 0)


def test_a_fatal_error_is_never_spoken_over(world: World) -> None:
    """After a fatal error not even the CPU speaks, because the process can't be trusted."""
    world.failures.append(fatal())

    assert world.generate(device_fallback=True)["code"] == "WORKER_UNFIT"
    assert world.loads == [None]
