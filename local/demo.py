"""
The whole worker on one's own machine: `make demo`.

The unchanged runpod.Endpoint client talks to a local queue; the real worker loop serves it in a process of its own. Uploads a
voice, generates speech with it, follows the status, fetches the result; leaves speech.wav and report.md in the output folder.
"""

import argparse
import json
import shutil
import time
import urllib.request
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

from engines.tiny import make_checkpoint
from local.whisper import make_whisper
from local.worker import local_endpoint

ROOT = Path(__file__).resolve().parent.parent
TEXT = (
    "Hello! This voice was cloned from five seconds of speech. The worker took this job from a queue, wrote down what was said "
    "in the recording, and spoke these sentences chunk by chunk. Each chunk has a seed of its own, so the same request gives "
    "the same samples tomorrow, on another machine of the same kind, whatever ran before. If this worker had died half-way, "
    "another one would have taken the job over."
)
HUB = "https://huggingface.co"
_PATIENCE_S = 900


@dataclass(frozen=True)
class Models:
    """What speaks and what listens, as settings of the worker."""

    checkpoint: str
    asr_model: str
    nfe_step: int
    why: str


def choose_models(cache: Path, *, small: bool) -> Models:
    """The real checkpoint where the hub can be reached, else a small one of random weights and a small real Whisper."""
    if not small and hub_answers():
        return Models(
            "F5TTS_v1_Base", "openai/whisper-large-v3-turbo", 16, "the model hub answers: the real checkpoint speaks"
        )
    why = "asked for" if small else f"no answer from {HUB}"
    checkpoint = make_checkpoint(cache / "tiny")
    whisper = make_whisper(cache / "whisper-base")
    return Models(
        str(checkpoint), str(whisper), 8,
        f"{why}: a SMALL CHECKPOINT OF RANDOM WEIGHTS speaks. It proves the plumbing; what you hear is noise, not speech.",
    )  # fmt: skip


def hub_answers() -> bool:
    """Whether weights could be fetched, asked with three seconds of patience."""
    try:
        with urllib.request.urlopen(urllib.request.Request(HUB, method="HEAD"), timeout=3):
            return True
    except OSError:
        return False


class Demo:
    """One run; `say` is where a person reads along."""

    def __init__(self, client: Any, out: Path) -> None:
        self._client = client
        self._out = out
        self.replies: dict[str, dict[str, Any]] = {}

    def ask(self, name: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """Send one job and wait for its reply."""
        job = self._client.run({"input": dict(request)})
        while (status := job.status()) not in ("COMPLETED", "FAILED", "CANCELLED", "TIMED_OUT"):
            time.sleep(0.2)
        return self.show(name, request, job.output(), status)

    def show(self, name: str, request: Mapping[str, Any], reply: Any, status: str) -> dict[str, Any]:
        """Print a reply, long values cut, and keep it for the report."""
        say(f"\n== {name}  ({status})")
        say(f"   request: {json.dumps(_short(dict(request)))}")
        say(json.dumps(_short(reply), indent=2))
        if status != "COMPLETED" or not isinstance(reply, dict):
            raise SystemExit(f"{name} ended as {status}; the worker's log is in {self._out / 'worker.log'}")
        self.replies[name] = reply
        return reply

    def run(self, nfe_step: int) -> dict[str, Any]:
        """Every action once; `status` is asked while the generate runs."""
        voice = files("f5_tts").joinpath("infer/examples/basic/basic_ref_en.wav").read_bytes()
        self.ask("health", {"action": "health"})
        self.ask(
            "upload",
            {
                "action": "upload",
                "voice": "nature",
                "audio": b64encode(voice).decode(),
                "consent": True,
                "language": "en",
            },
        )
        speak = {
            "action": "generate",
            "text": TEXT,
            "voice": "nature",
            "seed": 7,
            "nfe_step": nfe_step,
            "job_id": "demo-1",
        }
        job = self._client.run({"input": speak})
        self.follow(job)
        self.show("generate", speak, job.output(), job.status())
        result = self.ask("result", {"action": "result", "job_id": "demo-1"})
        self.ask("voices", {"action": "voices"})
        return result

    def follow(self, job: Any) -> None:
        """Ask for the job's status beside it, until it ends."""
        seen = ""
        while job.status() not in ("COMPLETED", "FAILED", "CANCELLED", "TIMED_OUT"):
            reply = self._client.run_sync({"input": {"action": "status", "job_id": "demo-1"}})
            told = f"{reply.get('status')} {reply.get('progress')}" if reply else ""
            if told and told != seen and "JOB_NOT_FOUND" not in str(reply):
                self.replies["status"] = reply
                say(f"   status: {told}")
                seen = told
            time.sleep(0.5)


def say(line: str) -> None:
    """Standard output belongs to the caller: here that is the person who runs the demo."""
    print(line, flush=True)


def _short(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _short(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_short(one) for one in value]
    longest = 100
    return f"{value[:60]}... ({len(value)} characters)" if isinstance(value, str) and len(value) > longest else value


def write_report(out: Path, models: Models, result: dict[str, Any], seconds: float) -> None:
    """report.md: what spoke, where its time went."""
    manifest, timings = result["manifest"], result["timings"]
    lines = [
        "# Demo report", "",
        f"- {models.why}",
        f"- checkpoint `{manifest['checkpoint']}` ({manifest['checkpoint_note']}), licence {manifest['checkpoint_license']}",
        f"- engine {manifest['engine']} on {manifest['device']}, {manifest['dtype']}, sampler {manifest['sampler']}",
        f"- voice `{manifest['voice']}`, transcript by {manifest['transcript_by']}",
        f"- {result['duration']:.2f} s of speech in {len(manifest['chunks'])} chunks, seed {manifest['seed']}, sha256 `{result['audio']['sha256']}`",
        f"- the whole demo took {seconds:.1f} s", "", "| phase | seconds |", "|---|---|",
        *[f"| {phase} | {spent:.2f} |" for phase, spent in timings.items()], "",
    ]  # fmt: skip
    (out / "report.md").write_text("\n".join(lines), encoding="utf-8")


def run_demo(out: Path, *, small: bool) -> Path:
    """Everything; returns the speech's path."""
    begun = time.monotonic()
    cache = ROOT / ".cache"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    models = choose_models(cache, small=small)
    say(models.why)
    worker_settings = {
        "DATA_DIR": str(out / "bucket"),
        "MODEL_CACHE_DIR": str(cache / "models"),
        "CHECKPOINT": models.checkpoint,
        "ASR_MODEL": models.asr_model,
        "HF_HOME": str(cache / "hub"),
    }
    with (
        local_endpoint() as endpoint,
        endpoint.worker(ROOT / "handler.py", log=out / "worker.log", cwd=ROOT, extra=worker_settings),
    ):
        demo = Demo(endpoint.client(), out)
        result = demo.run(models.nfe_step)
    speech = out / "speech.wav"
    shutil.copy(unquote(urlparse(result["audio_url"]).path), speech)
    write_report(out, models, result, time.monotonic() - begun)
    say(f"\n{models.why}")
    say(f"speech: {speech}\nreport: {out / 'report.md'}")
    return speech


def main() -> None:
    """Command line of `make demo`."""
    parser = argparse.ArgumentParser(prog="python -m local.demo", description=__doc__)
    parser.add_argument(
        "--out", type=Path, default=Path("out"), help="folder for speech.wav and report.md; emptied first"
    )
    parser.add_argument("--small", action="store_true", help="use the small random checkpoint even if the hub answers")
    arguments = parser.parse_args()
    run_demo(arguments.out.resolve(), small=arguments.small)


if __name__ == "__main__":
    main()
