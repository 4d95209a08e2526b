"""
The whole worker on one's own machine: `make demo`.

The unchanged runpod.Endpoint client talks to a local queue; the real worker loop serves it in a process of its own. The demo uploads
a voice, generates speech with it, follows the status and fetches the result. It leaves speech.wav, and report.md with every request
and reply.

If no hub answers, the small checkpoint of local/talker.py speaks and the worker's Whisper transcribes it; the demo fails if more
than a third of the words were misheard.
"""

import argparse
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
from local.story import Exchange, Step, Story, outcome_of, report_of
from local.talker import CFG_STRENGTH, STEPS, find_talker
from local.whisper import make_whisper
from local.words import word_error_rate
from local.worker import WorkerProcess, local_endpoint

ROOT = Path(__file__).resolve().parent.parent
TEXT = (
    "Hello! This voice was cloned from five seconds of speech. The worker took this job from a queue, wrote down what was said "
    "in the recording, and spoke these sentences chunk by chunk. Each chunk has a seed of its own, so the same request gives "
    "the same samples tomorrow, on another machine of the same kind, whatever ran before. If this worker had died half-way, "
    "another one would have taken the job over."
)
WORDS = "This voice was cloned from three seconds of speech. The weather will be sunny tomorrow."  # the small checkpoint knows them
MOST_MISHEARD = 0.34
JOB = "demo-1"
HUB = "https://huggingface.co"
_PATIENCE_S = 1800.0  # without news of a job: 3 GB of weights may have to come over a slow line first


@dataclass(frozen=True)
class Part:
    """The text to speak, with the recording of the voice and the values; `says_words` if its words can be understood."""

    recording: bytes
    text: str
    values: Mapping[str, Any]
    says_words: bool = False


@dataclass(frozen=True)
class Models:
    """The models that speak and transcribe, as settings of the worker; `part` is what is spoken."""

    checkpoint: str
    asr_model: str
    part: Part
    why: str


def choose_models(cache: Path, *, small: bool, random: bool) -> Models:
    """Choose the real checkpoint if the hub can be reached, otherwise a small one; and a small real Whisper."""
    if not (small or random) and hub_answers():
        return Models(
            "F5TTS_v1_Base",
            "openai/whisper-large-v3-turbo",
            long_part(16),
            "the model hub answers: the real checkpoint speaks",
        )
    why = "asked for" if small or random else f"no answer from {HUB}"
    whisper = str(make_whisper(cache / "whisper-base"))
    if random:
        return Models(
            str(make_checkpoint(cache / "tiny")), whisper, long_part(8),
            f"{why}: a SMALL CHECKPOINT OF RANDOM WEIGHTS speaks. It proves the plumbing; what you hear is noise, not speech.",
        )  # fmt: skip
    talker = find_talker()
    part = Part(
        talker.prompts["rms"].recording.read_bytes(),
        WORDS,
        {"nfe_step": STEPS, "cfg_strength": CFG_STRENGTH},
        says_words=True,
    )
    return Models(
        str(talker.folder), whisper, part,
        f"{why}: a SMALL CHECKPOINT speaks, a toy that knows 500 words and two voices. You hear its words, and not what F5-TTS sounds like.",
    )  # fmt: skip


def long_part(nfe_step: int) -> Part:
    """Several chunks, with the voice of a recording that is part of f5-tts."""
    recording = files("f5_tts").joinpath("infer/examples/basic/basic_ref_en.wav").read_bytes()
    return Part(recording, TEXT, {"nfe_step": nfe_step})


def hub_answers() -> bool:
    """Whether weights could be fetched; waits at most three seconds."""
    try:
        with urllib.request.urlopen(urllib.request.Request(HUB, method="HEAD"), timeout=3):
            return True
    except OSError:
        return False


class Demo:
    """
    One run; `story` prints what a person reads meanwhile.

    Raises SystemExit, with the path of the worker's log, if a job fails, if the worker ends before a job does, or if a job gives no
    news for `patience_s` seconds.
    """

    def __init__(
        self,
        client: Any,
        worker: WorkerProcess,
        *,
        story: Story | None = None,
        clock: Clock | None = None,
        patience_s: float = _PATIENCE_S,
    ) -> None:
        self._client = client
        self._worker = worker
        self._clock = clock or SystemClock()
        self._patience_s = patience_s
        self._news_at = self._clock.monotonic()
        self.story = story or Story(clock=self._clock)

    def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Send one job, print its progress and wait for its reply."""
        with self.story.step(request["action"]) as step:
            job = self._send(request)
            for _ in self._looks(job, every_s=0.2):
                pass
            return self._answered(request, job, step)

    def speak(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Send a generate, and poll its status until it ends."""
        with self.story.step(request["action"]) as step:
            job = self._send(request)
            self.follow(job, step)
            return self._answered(request, job, step)

    def run(self, part: Part) -> dict[str, Any]:
        """Run every action once; `status` is asked while the generate runs."""
        self.ask({"action": "health"})
        self.ask(_upload("nature", part.recording))
        self.speak(
            {"action": "generate", "text": part.text, "voice": "nature", "seed": 7, **part.values, "job_id": JOB}
        )
        result = self.ask({"action": "result", "job_id": JOB})
        self.ask({"action": "voices"})
        return result

    def hear(self, speech: bytes) -> str:
        """Return the words that the worker's own recogniser hears, from the transcript of an uploaded voice."""
        return str(self.ask(_upload("speech", speech) | {"transcribe_now": True})["transcript"])

    def follow(self, job: Any, step: Step) -> None:
        """Poll the job's status until it ends."""
        request = {"action": "status", "job_id": JOB}
        seen = None
        for _ in self._looks(job, every_s=0.5):
            asked = self._client.run({"input": request})
            for _ in self._looks(asked, every_s=0.1):
                pass
            reply = asked.output()
            if not isinstance(reply, dict) or "progress" not in reply:
                continue  # the worker has not taken the job yet
            if (told := (reply["status"], reply["progress"]["done"], reply["progress"]["total"])) != seen:
                step.moved(*told)
                self.story.exchanges.append(Exchange("status", request, reply))
                seen = told
                self._news_at = self._clock.monotonic()

    def _answered(self, request: Mapping[str, Any], job: Any, step: Step) -> dict[str, Any]:
        """Return the job's reply, and keep it for the report."""
        name, reply, status = request["action"], job.output(), job.status()
        if status != "COMPLETED" or not isinstance(reply, dict):
            state = job.rp_client.get(endpoint=f"{job.endpoint_id}/status/{job.job_id}")  # Job drops the error
            raise self._given_up(f"{name} ended as {status}: {state.get('error')}")
        step.outcome = outcome_of(name, reply)
        self.story.exchanges.append(Exchange(name, request, reply))
        return reply

    def _send(self, request: Mapping[str, Any]) -> Any:
        self._news_at = self._clock.monotonic()
        return self._client.run({"input": dict(request)})

    def _looks(self, job: Any, *, every_s: float) -> Iterator[None]:
        """Poll at once and then at intervals, as long as the job runs."""
        while job.status() not in FINAL:
            if self._worker.returncode is not None:
                raise self._given_up(f"the worker ended with exit status {self._worker.returncode}, before its job did")
            if self._clock.monotonic() - self._news_at > self._patience_s:
                raise self._given_up(f"no news of job {job.job_id} for {self._patience_s:g} s")
            yield
            self._clock.sleep(every_s)

    def _given_up(self, why: str) -> SystemExit:
        return SystemExit(f"{why}; the worker's log is in {self._worker.log}")


def _upload(voice: str, recording: bytes) -> dict[str, Any]:
    audio = b64encode(recording).decode()
    return {"action": "upload", "voice": voice, "audio": audio, "consent": True, "language": "en"}


def run_demo(out: Path, *, small: bool, random: bool) -> float | None:
    """Run everything; return the share of misheard words, if it was measured."""
    begun = time.monotonic()
    cache = ROOT / ".cache"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    models = choose_models(cache, small=small, random=random)
    story = Story()
    story.say("RunPod's client and worker loop on this machine, with a folder as the bucket", style="bold")
    story.say(models.why)
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
        demo = Demo(endpoint.client(), worker, story=story)
        result = demo.run(models.part)
        speech, report = out / "speech.wav", out / "report.md"
        shutil.copy(unquote(urlparse(result["audio_url"]).path), speech)
        heard = demo.hear(speech.read_bytes()) if models.part.says_words else None
    report.write_text(report_of(story.exchanges, models.why, time.monotonic() - begun), encoding="utf-8")
    story.ended(result, models.why, speech, report)
    if heard is None:
        return None
    misheard = word_error_rate(models.part.text, heard)
    story.heard(models.part.text, heard, misheard)
    return misheard


def main() -> None:
    """Command line of `make demo`."""
    parser = argparse.ArgumentParser(prog="python -m local.demo", description=__doc__)
    parser.add_argument(
        "--out", type=Path, default=Path("out"), help="folder for speech.wav and report.md; emptied first"
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--small", action="store_true", help="use the small checkpoint even if the hub answers")
    which.add_argument("--random", action="store_true", help="use a smaller one, of random weights: it speaks noise")
    arguments = parser.parse_args()
    misheard = run_demo(arguments.out.resolve(), small=arguments.small, random=arguments.random)
    if misheard is not None and misheard > MOST_MISHEARD:
        raise SystemExit(f"{misheard:.0%} of the words were misheard; {MOST_MISHEARD:.0%} are allowed")


if __name__ == "__main__":
    main()
