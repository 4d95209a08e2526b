"""
What a person reads while the demo runs: one line for each step, with a bar on a terminal; and the report of what was sent.

In a pipe there are no colours, and nothing is drawn twice.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from cloning.clock import SystemClock
from cloning.ports import Clock

_LONGEST = 2000  # characters of a value in the report; a recording in base64 is cut


@dataclass(frozen=True)
class Exchange:
    """One action's request and reply."""

    name: str
    request: Mapping[str, Any]
    reply: Mapping[str, Any]


@dataclass
class Step:
    """One step of the story while it runs. `outcome` ends its line."""

    bar: Progress | None
    story: "Story"
    outcome: str = ""

    def moved(self, status: str, done: int, total: int) -> None:
        """Show the job's progress."""
        chunks = f", {done} of {counted(total)}" if total else ""
        if self.bar is None:
            self.story.say(f"             {status}{chunks}")
        else:
            self.bar.update(self.bar.task_ids[0], description=f"{status}{chunks}", completed=done, total=total or None)


@dataclass
class Story:
    """Prints the demo's steps, each with its seconds, and keeps what was sent for the report."""

    console: Console = field(default_factory=Console)
    clock: Clock = field(default_factory=SystemClock)
    exchanges: list[Exchange] = field(default_factory=list)

    def say(self, line: str, style: str = "") -> None:
        """Print one line, unchanged."""
        self.console.print(line, style=style, soft_wrap=True, highlight=False, markup=False)

    @contextmanager
    def step(self, name: str) -> Iterator[Step]:
        """Run a step; print its line when it succeeds."""
        begun = self.clock.monotonic()
        with self._bar(name) as bar:
            step = Step(bar, self)
            yield step
        self.say(f"{name:<9}{self.clock.monotonic() - begun:7.1f} s  {step.outcome}", style="green")

    @contextmanager
    def _bar(self, name: str) -> Iterator[Progress | None]:
        """On a terminal show a spinner and a bar, which disappear when the step ends."""
        if not self.console.is_terminal:
            yield None
            return
        columns = (SpinnerColumn(), TextColumn(f"{name:<9}"), BarColumn(), TextColumn("{task.description}"))
        with Progress(*columns, TimeElapsedColumn(), console=self.console, transient=True) as bar:
            bar.add_task("", total=None)
            yield bar

    def ended(self, result: Mapping[str, Any], why: str, speech: Path, report: Path) -> None:
        """Print what spoke, how long the steps took, and where the files are."""
        manifest, timings = result["manifest"], result["timings"]
        spent = ", ".join(
            f"{phase} {timings[phase]:.1f} s" for phase in ("queue", "transcript", "load", "infer", "total")
        )
        self.say("")
        self.say(f"what spoke:  {weights(manifest)}, on {manifest['device']}", style="bold")
        self.say(f"             {why}", style="bold")
        self.say(f"seconds:     {spent}")
        self.say(f"speech:      {speech}")
        self.say(f"report:      {report} (whole requests and replies)")

    def heard(self, meant: str, said: str, misheard: float) -> None:
        """Print the text, what was understood, and the share of wrong words."""
        self.say(f"said:        {meant}")
        self.say(f"heard:       {said}")
        self.say(f"             word error rate {misheard:.2f}", style="bold")


def weights(manifest: Mapping[str, Any]) -> str:
    """Name the checkpoint that spoke, with its note and licence."""
    return (
        f"checkpoint {manifest['checkpoint']} ({manifest['checkpoint_note']}), licence {manifest['checkpoint_license']}"
    )


def outcome_of(name: str, reply: Mapping[str, Any]) -> str:
    """A step's reply in a few words."""
    match name:
        case "health":
            return f"worker {reply['versions']['worker']}, checkpoint {reply['checkpoint']}, {reply['store']['kind']}"
        case "upload":
            return f"voice {reply['voice']}, {reply['duration']:.2f} s are kept"
        case "generate":
            return f"{reply['duration']:.2f} s of speech by {reply['engine_used']} on {reply['device_used']}"
        case "result":
            return f"the same speech again, sha256 {reply['audio']['sha256'][:12]}"
        case "voices":
            return f"{reply['count']} in the bucket, heard: {reply['voices'][0]['transcript']}"
    return str(reply.get("status", ""))


def counted(chunks: int) -> str:
    """Return `1 chunk`, `2 chunks`."""
    return f"{chunks} chunk{'' if chunks == 1 else 's'}"


def short(value: Any, longest: int) -> Any:
    """Return the same with every text longer than `longest` characters shortened."""
    if isinstance(value, Mapping):
        return {name: short(one, longest) for name, one in value.items()}
    if isinstance(value, list):
        return [short(one, longest) for one in value]
    return f"{value[:60]}... ({len(value)} characters)" if isinstance(value, str) and len(value) > longest else value


def report_of(exchanges: list[Exchange], why: str, seconds: float) -> str:
    """Make report.md: what spoke, how long it took, every request and reply."""
    result = next(one.reply for one in exchanges if one.name == "result")
    manifest = result["manifest"]
    lines = [
        "# Demo report", "",
        f"- {why}",
        f"- {weights(manifest)}",
        f"- engine {manifest['engine']} on {manifest['device']}, {manifest['dtype']}, sampler {manifest['sampler']}",
        f"- voice `{manifest['voice']}`, transcript by {manifest['transcript_by']}",
        f"- {result['duration']:.2f} s of speech in {counted(len(manifest['chunks']))}, seed {manifest['seed']}, sha256 `{result['audio']['sha256']}`",
        f"- the whole demo took {seconds:.1f} s", "", "| phase | seconds |", "|---|---|",
        *_timing_rows(result["timings"]), "",
    ]  # fmt: skip
    return "\n".join([*lines, *(line for one in exchanges for line in _told(one))])


def _timing_rows(timings: Mapping[str, float]) -> list[str]:
    """A row for each phase, below its sum: the total first, a dash before its phases, two before the parts of one (`load_fetch`)."""
    marks = {name: "- - " if name.rpartition("_")[0] in timings else "- " for name in timings}
    phases = [f"| {marks[name]}{name} | {seconds:.2f} |" for name, seconds in timings.items() if name != "total"]
    return [f"| total | {timings['total']:.2f} |", *phases]


def _told(exchange: Exchange) -> list[str]:
    blocks = (json.dumps(short(one, _LONGEST), indent=1) for one in (exchange.request, exchange.reply))
    return [f"## {exchange.name}", "", *(line for block in blocks for line in ("```json", block, "```", ""))]
