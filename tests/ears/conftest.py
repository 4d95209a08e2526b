"""
One worker on the real queue and loop says everything once; the tests hear it.

All jobs are sent at once, so that the worker speaks on one core while a test hears on the other.
"""

import io
import time
import urllib.request
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from cloning import keys
from cloning.generate.chunk_store import decode_chunk
from cloning.ports import Samples
from local.job import Rules
from local.talker import CFG_STRENGTH, STEPS, Talker, find_talker
from local.worker import WorkerProcess, local_endpoint
from s3_utils import s3_client
from tests.e2e.conftest import Cloud
from tests.ears.judges import Listener
from tests.ears.texts import CHUNKS, LONG, SEAMS, SENTENCES, UNMIXED, VARIED, Line
from tests.servers import moto
from training.judges import Likeness

HERE = Path(__file__).parent
VOICES = ("slt", "rms")
BUCKET = "ears"
FEW_STEPS = 7  # for speech whose seams are heard, not its quality


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """`-m ears` chooses them, `-m 'not ears'` leaves them out."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.ears)


@dataclass
class Studio:
    """Every reply, wave and hearing by the name of its line, each made once."""

    cloud: Cloud
    listener: Listener
    likeness: Likeness
    talker: Talker
    jobs: dict[str, Any]
    stored: Samples  # the first chunk of the long text, from the worker that was killed
    _waves: dict[str, Samples] = field(default_factory=dict)
    _heard: dict[str, str] = field(default_factory=dict)

    def reply(self, name: str) -> dict[str, Any]:
        """What the worker answered, when it has."""
        return self.cloud.wait(self.jobs[name])

    def wave(self, name: str) -> Samples:
        """The speech that the reply's URL brings."""
        if name not in self._waves:
            reply = self.reply(name)
            assert reply.get("status") == "COMPLETED", reply
            with urllib.request.urlopen(reply["audio_url"], timeout=30) as response:  # noqa: S310 - of the loopback
                self._waves[name] = soundfile.read(io.BytesIO(response.read()), dtype="float32")[0]
        return self._waves[name]

    def heard(self, name: str) -> str:
        """The words in it."""
        return self.hear(name, self.wave(name))

    def hear(self, name: str, wave: Samples) -> str:
        """The words in a wave; `name` is of this wave alone."""
        if name not in self._heard:
            self._heard[name] = self.listener.hear(wave)
        return self._heard[name]

    def chunks(self) -> list[Samples]:
        """The waves of the chunks that SEAMS joins: without a cross-fade each is a part as it is."""
        parts = self.reply(UNMIXED)["parts"]["items"]
        ends = np.cumsum([part["samples"] for part in parts])
        assert ends[-1] == len(self.wave(UNMIXED))
        return np.split(self.wave(UNMIXED), ends[:-1])

    def heard_chunks(self) -> list[str]:
        """The words in each of them alone."""
        return [self.hear(f"chunk {place}", wave) for place, wave in enumerate(self.chunks())]

    def prompt(self, voice: str) -> Samples:
        """The recording that was uploaded."""
        samples: Samples = soundfile.read(self.talker.prompts[voice].recording, dtype="float32")[0]
        return samples


@pytest.fixture(scope="session")
def talker() -> Talker:
    return find_talker()


@pytest.fixture(scope="session")
def listener(small_whisper: Path) -> Listener:
    return Listener(small_whisper)


@pytest.fixture(scope="package")
def studio(
    talker: Talker, listener: Listener, small_whisper: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Studio]:
    """The voices are uploaded to a first worker, which is killed within the long text; the second one does everything else."""
    folder = tmp_path_factory.mktemp("ears")
    settings = {
        "CHECKPOINT": str(talker.folder), "ASR_MODEL": str(small_whisper), "MODEL_CACHE_DIR": str(folder / "models"),
        "SPEAKER_MODEL": "resemblyzer", "WORKER_CONCURRENCY": "16", "LEASE_S": "4", "OMP_NUM_THREADS": "1",
    }  # fmt: skip
    with moto() as bucket, local_endpoint(rules=Rules(redeliver_after_s=5)) as endpoint:
        s3_client(bucket.settings("any")).create_bucket(Bucket=BUCKET)
        cloud = Cloud(endpoint, bucket, BUCKET, settings, folder)
        with cloud.worker("doomed") as doomed:
            for voice in VOICES:
                upload(cloud, talker, voice)
            jobs = {"long": cloud.send(job_id="long", cross_fade_duration=0, **fields(Line("rms", LONG)))}
            stored = first_chunk(cloud, doomed)
            doomed.kill()
        jobs |= {name: cloud.send(**fields(line)) for name, line in {**SENTENCES, **VARIED}.items()}
        jobs |= {name: cloud.send(**turns(seconds)) for name, seconds in SEAMS.items()}
        with cloud.worker("heir"):
            yield Studio(cloud, listener, Likeness(), talker, jobs, stored)


def upload(cloud: Cloud, talker: Talker, voice: str) -> None:
    """One of the checkpoint's voices, with its words."""
    prompt = talker.prompts[voice]
    audio = b64encode(prompt.recording.read_bytes()).decode()
    reply = cloud.ask(action="upload", voice=voice, audio=audio, consent=True, language="en", transcript=prompt.words)
    assert reply["status"] == "STORED", reply


def first_chunk(cloud: Cloud, worker: WorkerProcess) -> Samples:
    """The long text's first chunk, as soon as the bucket has it."""
    while not (stored := [*cloud.store.list(keys.chunk_folder("long"))]):
        assert worker.returncode is None, worker.log_text()
        assert "job.spoken" not in worker.log_text(), "the long text was spoken as one chunk"
        time.sleep(0.05)
    wave = decode_chunk(cloud.store.get(stored[0].key).body)
    assert wave is not None
    return wave


def fields(line: Line) -> dict[str, object]:
    """The fields of a generate."""
    values = {"nfe_step": STEPS, "cfg_strength": CFG_STRENGTH, "seed": 7, **line.values}
    return {"action": "generate", "voice": line.voice, "text": line.text, **values}


def turns(cross_fade_s: float) -> dict[str, object]:
    """The fields of a generate of several chunks, joined by that much; its parts tell how long each is."""
    said = [{"voice": SENTENCES[name].voice, "text": SENTENCES[name].text, "pause_ms": 0} for name in CHUNKS]
    values = {"nfe_step": FEW_STEPS, "cfg_strength": CFG_STRENGTH, "seed": 7, "cross_fade_duration": cross_fade_s}
    return {"action": "generate", "turns": said, "parts": True, **values}
