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
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

from cloning.clock import SystemClock
from cloning.ports import Clock
from engines.tiny import make_checkpoint
from local.job import FINAL, Rules
from local.whisper import make_whisper
from local.worker import WorkerProcess, local_endpoint

ROOT = Path(__file__).resolve().parent.parent
TEXT = (
    "Hello! This voice was cloned from five seconds of speech. The worker took this job from a queue, wrote down what was said "
    "in the recording, and spoke these sentences chunk by chunk. Each chunk has a seed of its own, so the same request gives "
    "the same samples tomorrow, on another machine of the same kind, whatever ran before. If this worker had died half-way, "
    "another one would have taken the job over."
)
HUB = "https://huggingface.co"
_PATIENCE_S = 1800.0  # without news of a job: 3 GB of weights may have to come over a slow line first


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
    """
    One run; `say` is where a person reads along.

    Raises SystemExit, with where the worker's log is, if a job fails, if the worker ends before a job does, or if no news of one
    come for `patience_s` seconds.
    """

    def __init__(
        self, client: Any, worker: WorkerProcess, *, clock: Clock | None = None, patience_s: float = _PATIENCE_S
    ) -> None:
        self._client = client
        self._worker = worker
        self._clock = clock or SystemClock()
        self._patience_s = patience_s
        self._news_at = self._clock.monotonic()
        self.replies: dict[str, dict[str, Any]] = {}

    def ask(self, name: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """Send one job and wait for its reply."""
        job = self._send(request)
        for _ in self._looks(job, every_s=0.2):
            pass
        return self.show(name, request, job.output(), job.status())

    def show(self, name: str, request: Mapping[str, Any], reply: Any, status: str) -> dict[str, Any]:
        """Print a reply, long values cut, and keep it for the report."""
        say(f"\n== {name}  ({status})")
        say(f"   request: {json.dumps(_short(dict(request)))}")
        say(json.dumps(_short(reply), indent=2))
        if status != "COMPLETED" or not isinstance(reply, dict):
            raise self._given_up(f"{name} ended as {status}")
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
        job = self._send(speak)
        self.follow(job)
        self.show("generate", speak, job.output(), job.status())
        result = self.ask("result", {"action": "result", "job_id": "demo-1"})
        self.ask("voices", {"action": "voices"})
        return result

    def follow(self, job: Any) -> None:
        """Ask for the job's status beside it, until it ends."""
        seen = ""
        for _ in self._looks(job, every_s=0.5):
            asked = self._client.run({"input": {"action": "status", "job_id": "demo-1"}})
            for _ in self._looks(asked, every_s=0.1):
                pass
            reply = asked.output()
            told = f"{reply.get('status')} {reply.get('progress')}" if reply else ""
            if told and told != seen and "JOB_NOT_FOUND" not in str(reply):
                self.replies["status"] = reply
                say(f"   status: {told}")
                seen = told
                self._news_at = self._clock.monotonic()

    def _send(self, request: Mapping[str, Any]) -> Any:
        self._news_at = self._clock.monotonic()
        return self._client.run({"input": dict(request)})

    def _looks(self, job: Any, *, every_s: float) -> Iterator[None]:
        """One at once and one every so many seconds, as long as the job goes on."""
        while job.status() not in FINAL:
            if self._worker.returncode is not None:
                raise self._given_up(f"the worker ended with exit status {self._worker.returncode}, before its job did")
            if self._clock.monotonic() - self._news_at > self._patience_s:
                raise self._given_up(f"no news of job {job.job_id} for {self._patience_s:g} s")
            yield
            self._clock.sleep(every_s)

    def _given_up(self, why: str) -> SystemExit:
        return SystemExit(f"{why}; the worker's log is in {self._worker.log}")


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
        local_endpoint(rules=Rules(execution_timeout_s=_PATIENCE_S)) as endpoint,
        endpoint.worker(ROOT / "handler.py", log=out / "worker.log", cwd=ROOT, extra=worker_settings) as worker,
    ):
        result = Demo(endpoint.client(), worker).run(models.nfe_step)
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
