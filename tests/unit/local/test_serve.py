"""What `make serve` starts, and how it keeps a worker running."""

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from local import serve
from local.serve import keep_running, plan_of
from local.talker import CFG_STRENGTH, STEPS, find_talker
from local.worker import WorkerProcess


@pytest.fixture(autouse=True)
def _no_whisper(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve, "make_whisper", lambda folder: folder)


def test_the_small_checkpoint_speaks_with_the_values_that_it_was_made_for(tmp_path: Path) -> None:
    """The small checkpoint speaks with the values that it was made for, and the bucket is a folder that stays."""
    plan = plan_of({}, tmp_path, find_talker(), 8080)

    assert plan.settings["CHECKPOINT"] == str(find_talker().folder)
    assert plan.settings["DATA_DIR"] == str((tmp_path / "serve" / "bucket").resolve())
    assert plan.defaults == {"nfe_step": STEPS, "cfg_strength": CFG_STRENGTH}
    assert "SMALL CHECKPOINT" in plan.why


def test_another_checkpoint_and_folder_may_be_named(tmp_path: Path) -> None:
    """Another checkpoint speaks with its own values, and another folder may be named."""
    own = {"CHECKPOINT": "F5TTS_v1_Base", "DATA_DIR": str(tmp_path / "mine"), "ASR_MODEL": "openai/whisper-tiny"}

    plan = plan_of(own, tmp_path, find_talker(), 8080)

    assert own.items() <= plan.settings.items()
    assert plan.defaults == {}


def program(tmp_path: Path, text: str) -> Iterator[WorkerProcess]:
    """Run processes of that program, one after another."""
    script = tmp_path / "program.py"
    script.write_text(text)
    while True:
        yield WorkerProcess(script, environment={"PATH": str(Path(sys.executable).parent)}, log=tmp_path / "log")


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve, "_LOOK_S", 0.01)
    monkeypatch.setattr(serve, "_BEFORE_THE_NEXT_S", 0.0)


def test_a_worker_that_cannot_start_is_given_up(tmp_path: Path) -> None:
    """If no worker can start, the command gives up and says where the log is."""
    workers = program(tmp_path, "raise SystemExit(3)")

    with pytest.raises(SystemExit, match="exit status 3; its log is"):
        asyncio.run(keep_running(lambda: next(workers)))


def test_another_worker_follows_one_that_died_and_the_last_ends_with_us(tmp_path: Path) -> None:
    """A worker that died is replaced, and the last one is asked to end with the command."""
    workers, started = program(tmp_path, "import time; time.sleep(60)"), list[WorkerProcess]()

    def start() -> WorkerProcess:
        started.append(next(workers))
        return started[-1]

    async def run() -> None:
        keeper = asyncio.create_task(keep_running(start))
        while not started:  # noqa: ASYNC110 - a process has no event
            await asyncio.sleep(0.01)
        started[0].kill()
        while len(started) == 1:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        keeper.cancel()
        await asyncio.gather(keeper, return_exceptions=True)

    asyncio.run(run())

    assert [worker.returncode for worker in started] == [-9, -15]
