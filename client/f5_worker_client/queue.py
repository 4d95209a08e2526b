"""
RunPod's queue: submit a job, poll it to its end, and repeat requests where that is safe.

It always is: a repeated request is another job of the queue, but the worker answers it with the same speech (by `job_id`), the same
voice (by its content), or the same state.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from f5_worker_client.address import Address
from f5_worker_client.errors import ClientError, Failed, InvalidRequest, Unavailable, of_status, of_worker
from f5_worker_client.steps import Answer, Flow, Pause, Send

Reply = dict[str, Any]
OK = 200
GONE = 404
_BUSY = frozenset({408, 425, 429})
_SERVER_ERROR = 500
_LONGEST_RETRY_AFTER_S = 60.0
# Errors of the wait or the way, which say nothing of the job.
_OF_NO_JOB = frozenset({"TIMEOUT", "NO_ANSWER", "UNAUTHORISED"})
# /run takes 10 MB and /runsync 20 MB; the rest of a request is small.
RUN_BYTES = 9_900_000
LARGEST_BYTES = 19_800_000


@dataclass(frozen=True)
class Patience:
    """
    How long to wait and how often to try. `timeout_s` is for a whole call, including the queue and a cold start.

    A request without an answer, or with a failure that may pass, is tried `tries` times, with doubling waits between `first_wait_s` and
    `longest_wait_s`. A job is polled at intervals that grow from `poll_s` to `longest_poll_s`.
    """

    timeout_s: float = 3600.0
    tries: int = 8
    first_wait_s: float = 0.5
    longest_wait_s: float = 8.0
    poll_s: float = 0.25
    longest_poll_s: float = 3.0

    def waits(self) -> Iterator[float]:
        """The waits between tries."""
        return (min(self.first_wait_s * 2**number, self.longest_wait_s) for number in range(self.tries - 1))

    def polls(self, *, eager: bool = False) -> Iterator[float]:
        """The waits between polls, without an end. They don't grow for an `eager` caller, who waits for the first part of the audio."""
        wait = self.poll_s
        while True:
            yield wait
            wait = wait if eager else min(wait * 1.5, self.longest_poll_s)


@dataclass(frozen=True)
class Link:
    """What every flow needs: the address, the patience, and a clock in seconds."""

    address: Address
    patience: Patience
    now: Callable[[], float]


@dataclass(frozen=True)
class Progress:
    """
    A job's progress: RunPod's state, and how many chunks are spoken, of how many (0 until that is known).

    `update` is the worker's update, unchanged; it contains the `parts` if they were asked for.
    """

    state: str
    done: int = 0
    total: int = 0
    update: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


def _ignore(_: object) -> None:
    """Ignore the progress."""


@dataclass
class Call:
    """
    One request to the worker. `ticket` is the queue's id of a job that already carries it; `on_ticket` is told of a new one.

    `posts` counts how often it was sent: after the first time, it may have taken effect although its answer was lost.
    """

    fields: Mapping[str, Any]
    on_progress: Callable[[Progress], None] = _ignore
    ticket: str | None = None
    on_ticket: Callable[[str], None] = _ignore
    posts: int = field(default=0, init=False)


def repeated(link: Link, request: Call, once: Callable[[Link, Call, float], Flow[Reply]]) -> Flow[Reply]:
    """
    Return the worker's reply, from `once`, which is given a deadline. Raises ClientError.

    A request is sent again if the queue has forgotten its job, or if the failure may pass. That applies to every failure of a job that
    an earlier call sent: its cause may be fixed by now.
    """
    deadline = link.now() + link.patience.timeout_s
    waits = link.patience.waits()
    while True:
        is_earlier = request.ticket is not None
        try:
            return (yield from once(link, request, deadline))
        except ClientError as error:
            wait = 0.0 if is_earlier else next(waits, None)
            may_pass = is_earlier or isinstance(error, Unavailable)
            if not may_pass or wait is None or error.code in _OF_NO_JOB or link.now() + wait >= deadline:
                raise
        request.ticket = None
        yield Pause(wait)


def one_job(link: Link, request: Call, deadline: float) -> Flow[Reply]:
    """Submit a job, unless there is one already, and poll it to its end. Raises ClientError."""
    state: Reply = {} if request.ticket else (yield from _submit(link, request))
    polls = link.patience.polls(eager=bool(request.fields.get("parts")))
    while not (ended := _ended(state)):
        request.on_progress(_progress(state))
        if link.now() >= deadline:
            raise too_late(link, str(state.get("status", "IN_QUEUE")))
        if state:
            yield Pause(next(polls))
        state = yield from _state(link, str(request.ticket))
    if isinstance(ended, ClientError):
        raise ended
    return ended


def _submit(link: Link, request: Call) -> Flow[Reply]:
    body = {"input": request.fields}
    path = "run" if _size(request.fields) <= RUN_BYTES else "runsync?wait=1000"
    answer = yield from asked(link, "POST", path, body, request)
    state = answer.json() or {}
    if answer.status != OK or "id" not in state:
        raise of_status(answer.status, _told(answer))
    request.ticket = str(state["id"])
    request.on_ticket(request.ticket)
    return state


def _state(link: Link, ticket: str) -> Flow[Reply]:
    answer = yield from asked(link, "GET", f"status/{ticket}")
    if answer.status == GONE:
        raise Unavailable("QUEUE_FORGOT", f"RunPod no longer knows its job {ticket!r}", retryable=True)
    if answer.status != OK:
        raise of_status(answer.status, _told(answer))
    return answer.json() or {}


def asked(
    link: Link, method: str, path: str, body: Mapping[str, Any] | None = None, request: Call | None = None
) -> Flow[Answer]:
    """
    Return the endpoint's answer to one HTTP request; repeat it if it is lost or the server is busy.

    Raises Unavailable after the last try; any other answer is for the caller to interpret.
    """
    waits = link.patience.waits()
    while True:
        if request:
            request.posts += 1
        answer = yield Send(method, f"{link.address.root}/{path}", body)
        if not _is_transient(answer):
            return answer
        wait = next(waits, None)
        if wait is None:
            why = answer.problem or f"HTTP {answer.status}"
            message = (
                f"the endpoint gave no answer in {link.patience.tries} tries (the last one: {why}); try again later"
            )
            raise Unavailable("NO_ANSWER", message, retryable=True, details={"status": answer.status})
        yield Pause(max(wait, _retry_after(answer)))


def _is_transient(answer: Answer) -> bool:
    is_cut = answer.status == OK and answer.json() is None
    is_final = answer.should_retry == "false"
    return not answer.status or is_cut or (not is_final and (answer.status in _BUSY or answer.status >= _SERVER_ERROR))


def _ended(state: Reply) -> Reply | ClientError | None:
    """The output or the error in a job's state; None while it runs."""
    status, output = state.get("status"), state.get("output")
    if status == "COMPLETED":
        return output if isinstance(output, dict) else Failed("WORKER_FAILED", "the worker's reply is no JSON object")
    if status == "FAILED":
        return of_worker(state.get("error", "no reason was given"), output)
    if status == "TIMED_OUT":
        return Unavailable("QUEUE_TIMED_OUT", "RunPod ended the job at its time limit", retryable=True)
    if status == "CANCELLED":
        return Failed("QUEUE_CANCELLED", "the job was cancelled in RunPod's queue")
    return None


def _progress(state: Reply) -> Progress:
    told = state.get("output")
    told = told if isinstance(told, dict) else {}
    done, total = told.get("done"), told.get("total")
    return Progress(
        str(state.get("status", "IN_QUEUE")),
        done if isinstance(done, int) else 0,
        total if isinstance(total, int) else 0,
        told,
    )


def too_late(link: Link, now: str) -> Unavailable:
    """The error for a job that is still in state `now` when the caller's patience ends."""
    return Unavailable(
        "TIMEOUT",
        f"the job is still {now} after {link.patience.timeout_s:g} s; it goes on, and the same call finds it",
        retryable=True,
        details={"status": now},
    )


def _size(fields: Mapping[str, Any]) -> int:
    """The size of a request in bytes. Raises InvalidRequest if it is too large for any queue."""
    try:
        size = len(json.dumps(fields, allow_nan=False))
    except ValueError:
        message = "the request has a number that JSON has not (NaN or an infinite one): send a finite one"
        raise InvalidRequest("INVALID_REQUEST", message) from None
    if size > LARGEST_BYTES:
        raise InvalidRequest(
            "INVALID_REQUEST",
            f"the request has {size / 1e6:.1f} MB and the queue takes {LARGEST_BYTES / 1e6:.1f} MB: "
            "send a recording as FLAC or MP3, or by audio_url or audio_key",
        )
    return size


def _told(answer: Answer) -> str:
    """The message of a refusal, if it is in RunPod's form."""
    return str((answer.json() or {}).get("error", ""))


def _retry_after(answer: Answer) -> float:
    seconds = answer.retry_after.strip()
    return min(float(seconds), _LONGEST_RETRY_AFTER_S) if seconds.isdecimal() else 0.0
