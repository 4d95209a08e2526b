"""A whole worker around the small checkpoint, for benchmarks: a folder is the bucket, the CPU the device."""

from base64 import b64encode
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from cloning.clock import SystemClock
from cloning.service import Call
from cloning.settings import Settings
from handler import answer
from worker.assembly import build

SPOKEN = "Some call me nature, others call me mother nature."  # in the recording in f5-tts's package
TEXT = "Hello there, how are you today?"
NFE = 8


def recording() -> Path:
    """A human voice of 5.3 s that says SPOKEN, from the f5-tts package (found without importing it)."""
    spec = find_spec("f5_tts")
    assert spec is not None
    return Path(next(iter(spec.submodule_search_locations or []))) / "infer/examples/basic/basic_ref_en.wav"


class Worker:
    """A service with the voice `nature`, its transcript known. The checkpoint is made if `folder` lacks it."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        checkpoint = folder / "tiny"
        if not checkpoint.is_dir():
            from engines.tiny import make_checkpoint

            make_checkpoint(checkpoint)
        values = {"checkpoint": str(checkpoint), "device": "cpu", "data_dir": folder / "bucket", **settings}
        scratch = folder / "scratch"
        scratch.mkdir(exist_ok=True)
        self.service = build(Settings(model_cache_dir=folder / "models", **values), SystemClock(), scratch)
        upload = {"action": "upload", "voice": "nature", "consent": True, "transcript": SPOKEN, "replace": True}
        self._answer({**upload, "audio": b64encode(recording().read_bytes()).decode()}, "upload")

    def speak(self, job_id: str, **fields: Any) -> dict[str, Any]:
        """The reply to one generate of one chunk. Raises AssertionError if it failed."""
        return self._answer({"text": TEXT, "voice": "nature", "nfe_step": NFE, "seed": 0, **fields}, job_id)

    def _answer(self, raw: dict[str, Any], job_id: str) -> dict[str, Any]:
        reply = answer(self.service, raw, Call(job_id))
        assert "error" not in reply, reply
        return reply
