"""Counts and times in Prometheus's text format, under the names that speech servers use."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from http_api.port import Reply

Labels = tuple[tuple[str, str], ...]
_SECONDS = (0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0)
_FACTORS = (0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 5.0)


@dataclass
class Numbers:
    """One number for each set of labels: a counter, or a gauge."""

    name: str
    meaning: str
    kind: str = "counter"
    values: dict[Labels, float] = field(default_factory=lambda: defaultdict(float))

    def add(self, amount: float = 1, **labels: str) -> None:
        """Add to the number of these labels."""
        self.values[tuple(sorted(labels.items()))] += amount

    def lines(self) -> Iterator[str]:
        """Prometheus's text."""
        yield from _head(self.name, self.meaning, self.kind)
        for labels, value in sorted(self.values.items()):
            yield _line(self.name, labels, value)


@dataclass
class Histogram:
    """Counts how many observations were at most as large as each bound."""

    name: str
    meaning: str
    bounds: tuple[float, ...]
    count: int = 0
    total: float = 0.0
    within: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.within = [0] * len(self.bounds)

    def observe(self, value: float) -> None:
        """Count one observation."""
        self.count += 1
        self.total += value
        self.within = [count + (value <= bound) for count, bound in zip(self.within, self.bounds, strict=True)]

    def lines(self) -> Iterator[str]:
        """Prometheus's text."""
        yield from _head(self.name, self.meaning, "histogram")
        for bound, count in zip((*self.bounds, "+Inf"), (*self.within, self.count), strict=True):
            yield _line(f"{self.name}_bucket", (("le", str(bound)),), count)
        yield _line(f"{self.name}_sum", (), self.total)
        yield _line(f"{self.name}_count", (), self.count)


@dataclass
class Metrics:
    """The counts since this process started."""

    requests: Numbers = field(default_factory=lambda: Numbers("tts_requests_total", "Requests by route and status."))
    failures: Numbers = field(default_factory=lambda: Numbers("tts_failures_total", "Speech that failed, by code."))
    gone: Numbers = field(default_factory=lambda: Numbers("tts_abandoned_total", "Streams whose client went away."))
    characters: Numbers = field(default_factory=lambda: Numbers("tts_input_characters_total", "Characters to speak."))
    audio: Numbers = field(default_factory=lambda: Numbers("tts_audio_seconds_total", "Seconds of speech sent."))
    streams: Numbers = field(default_factory=lambda: Numbers("tts_streams", "Streams that are open now.", "gauge"))
    first: Histogram = field(
        default_factory=lambda: Histogram(
            "tts_time_to_first_audio_seconds", "From the request to the first byte of sound.", _SECONDS
        )
    )
    latency: Histogram = field(
        default_factory=lambda: Histogram("tts_latency_seconds", "From the request to the end of the sound.", _SECONDS)
    )
    factor: Histogram = field(
        default_factory=lambda: Histogram(
            "tts_real_time_factor", "The worker's seconds for a second of speech.", _FACTORS
        )
    )
    queue: Histogram = field(
        default_factory=lambda: Histogram("tts_queue_seconds", "Waiting for turns on the GPU, by job.", _SECONDS)
    )

    def spoken(self, reply: Reply) -> None:
        """Count what a worker reports of a finished generate."""
        timings: dict[str, Any] = reply.get("timings") or {}
        if reply.get("duration") and "total" in timings:
            self.factor.observe(timings["total"] / reply["duration"])
            self.queue.observe(timings.get("queue", 0.0))

    def text(self) -> str:
        """All metrics as text."""
        return "".join(f"{line}\n" for measure in vars(self).values() for line in measure.lines())


def _head(name: str, meaning: str, kind: str) -> Iterator[str]:
    yield f"# HELP {name} {meaning}"
    yield f"# TYPE {name} {kind}"


def _line(name: str, labels: Labels, value: float) -> str:
    listed = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels)
    return f"{name}{{{listed}}} {value:.15g}" if labels else f"{name} {value:.15g}"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
