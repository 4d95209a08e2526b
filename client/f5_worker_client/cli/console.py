"""What the command line prints: results on stdout, everything else on stderr; a progress bar only on a terminal."""

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TextIO

from rich.console import Console as RichConsole
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as RichProgress

from f5_worker_client.books import Watch
from f5_worker_client.errors import ClientError
from f5_worker_client.queue import Progress

_DONE = "COMPLETED"


class Console:
    """`as_json`: the result, or the error, is one JSON object. `quiet`: no progress and no remarks."""

    def __init__(
        self, *, as_json: bool = False, quiet: bool = False, out: TextIO | None = None, err: TextIO | None = None
    ) -> None:
        self.as_json = as_json
        self._quiet = quiet
        self._out = out or sys.stdout
        self._err = err or sys.stderr

    def result(self, lines: list[str], facts: object) -> None:
        """Print the result, for people or for programs."""
        text = json.dumps(facts, ensure_ascii=False) if self.as_json else "\n".join(map(_plain, lines))
        if text:
            self._out.write(f"{text}\n")
        self._out.flush()

    def remark(self, message: str) -> None:
        """Print something that a person may want to know."""
        if not self._quiet:
            self._err.write(f"{_plain(message)}\n")

    def warnings(self, warnings: list[Mapping[str, Any]]) -> None:
        """Print the warnings: what may be audible."""
        for warning in warnings:
            self.remark(f"warning: {warning.get('code')}: {warning.get('message')}")

    def failed(self, error: ClientError) -> None:
        """Print why there is no result, and whether a retry may help."""
        if self.as_json:
            self._err.write(json.dumps({"error": error.to_json()}, ensure_ascii=False) + "\n")
            return
        again = " (the same command may work later)" if error.retryable else ""
        self._err.write(f"f5-worker: {_plain(str(error))}{again}\n")

    @contextmanager
    def progress(self) -> Iterator[Watch]:
        """Return a listener for the progress: a bar on a terminal, otherwise a line for each step."""
        if self._quiet:
            yield lambda *_: None
        elif self._err.isatty():
            columns = (TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn())
            with RichProgress(*columns, console=RichConsole(file=self._err), transient=True) as bar:
                yield _Bar(bar)
        else:
            yield _Lines(self)


class _Bar:
    """One bar for all parts."""

    def __init__(self, bar: RichProgress) -> None:
        self._bar = bar
        self._task = bar.add_task("waiting", total=None)
        self._shares: dict[int, float] = {}

    def __call__(self, number: int, count: int, told: Progress) -> None:
        """Move the bar."""
        self._shares[number] = 1.0 if told.state == _DONE else told.done / max(told.total, 1)
        ended, spoken = sum(share == 1.0 for share in self._shares.values()), sum(self._shares.values())
        of_parts = f"{ended} of {count} parts" if count > 1 else f"{told.done} of {told.total} chunks"
        self._bar.update(
            self._task,
            description=of_parts if spoken else _words_for(told),
            total=count if spoken else None,  # nobody knows how long the work before the first chunk takes
            completed=spoken,
        )


class _Lines:
    """Prints a line whenever something has changed."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._last: dict[int, Progress] = {}

    def __call__(self, number: int, count: int, told: Progress) -> None:
        """Print the line if it is new."""
        if self._last.get(number) == told:
            return
        self._last[number] = told
        part = f"part {number + 1} of {count}: " if count > 1 else ""
        chunks = f", {told.done} of {told.total} chunks" if told.total else ""
        self._console.remark(f"{part}{_words_for(told)}{chunks}")


def _words_for(told: Progress) -> str:
    if told.state == "IN_PROGRESS":
        if not told.total:
            return "a worker prepares the voice and loads the model"
        return "speaking" if told.done else "speaking once the model is loaded"
    return {"IN_QUEUE": "waiting for a worker", _DONE: "done"}.get(told.state, told.state)


def _plain(text: str) -> str:
    """Remove control characters: a reply must not control the terminal."""
    return "".join(sign if sign.isprintable() or sign in "\n\t" else "\ufffd" for sign in text)
