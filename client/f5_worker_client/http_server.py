"""
A worker that answers HTTP itself: a load-balancing endpoint, or `f5-worker serve`. The replies are those of the queue.

A generate is sent as a job and then polled, so that no request stays open for minutes; anything else is one request.
"""

from collections.abc import Mapping
from typing import Any

from f5_worker_client.errors import ClientError, Unavailable, of_status, of_worker
from f5_worker_client.queue import GONE, OK, Call, Link, Progress, Reply, asked, one_job, repeated, too_late
from f5_worker_client.steps import Answer, Flow, Pause

_ACCEPTED = 202
_ENDED = frozenset({"FAILED", "CANCELLED"})
_PATIENT_LOOKS = 3  # an interrupted job may be in another worker's hands in a moment


def call(link: Link, request: Call) -> Flow[Reply]:
    """Return the worker's reply, by the queue or by HTTP as the address says. Raises ClientError."""
    return repeated(link, request, _by_http if link.address.is_http_server else one_job)


def _by_http(link: Link, request: Call, deadline: float) -> Flow[Reply]:
    action = str(request.fields.get("action", "generate"))
    if action == "generate":
        return (yield from _job(link, request, deadline))
    fields = {name: value for name, value in request.fields.items() if name != "action"}
    return (yield from _answered(link, "POST", f"actions/{action}", fields, request))


def _job(link: Link, request: Call, deadline: float) -> Flow[Reply]:
    """Send the job, unless it was sent already, and poll it until its end."""
    state: Reply = {} if request.ticket else (yield from _sent(link, request))
    polls = link.patience.polls(eager=bool(request.fields.get("parts")))
    interrupted = 0
    while "result" not in state:
        now = str(state.get("status", "IN_QUEUE"))
        if now in _ENDED:
            raise _ended(now, state)
        interrupted = interrupted + 1 if now == "INTERRUPTED" else 0
        if interrupted >= _PATIENT_LOOKS:
            raise Unavailable("QUEUE_FORGOT", f"no worker has job {request.ticket!r} any more", retryable=True)
        request.on_progress(_progress(now, state))
        if link.now() >= deadline:
            raise too_late(link, now)
        if state:
            yield Pause(next(polls))
        state = yield from _seen(link, str(request.ticket))
    return dict(state["result"])


def _sent(link: Link, request: Call) -> Flow[Reply]:
    fields = {name: value for name, value in request.fields.items() if name != "action"}
    state = yield from _answered(link, "POST", "audio/jobs", fields, request)
    request.ticket = str(state.get("id"))
    request.on_ticket(request.ticket)
    return {"status": state.get("status")}


def _seen(link: Link, job_id: str) -> Flow[Reply]:
    try:
        return (yield from _answered(link, "GET", f"audio/jobs/{job_id}"))
    except ClientError as error:
        if error.code == "JOB_NOT_FOUND":  # a bridge that was started anew doesn't know what waits in the queue
            raise Unavailable("QUEUE_FORGOT", f"nobody knows job {job_id!r} any more", retryable=True) from None
        raise


def _answered(
    link: Link, method: str, path: str, body: Mapping[str, Any] | None = None, request: Call | None = None
) -> Flow[Reply]:
    """Return the JSON of an answer. Raises ClientError for a failure, with the worker's own code if there is one."""
    answer = yield from asked(link, method, path, body, request)
    told = answer.json()
    if answer.status in (OK, _ACCEPTED) and told is not None:
        return told
    raise _failure(answer)


def _failure(answer: Answer) -> ClientError:
    told = (answer.json() or {}).get("error")
    if not isinstance(told, Mapping) or not told.get("code") or answer.status in (401, 403) or _is_unknown_path(answer):
        return of_status(answer.status, str(told or ""))
    output = {
        "code": told["code"],
        "message": told.get("message"),
        "retryable": answer.should_retry == "true",
        "details": {"field": told["param"]} if told.get("param") else {},
    }
    return of_worker(told.get("message"), output)


def _is_unknown_path(answer: Answer) -> bool:
    """Whether that path doesn't exist there: the worker's own 404s name what is missing."""
    return answer.status == GONE and ((answer.json() or {}).get("error") or {}).get("code") == "NOT_FOUND"


def _ended(now: str, state: Reply) -> ClientError:
    failure = state.get("failure") or {}
    if now == "CANCELLED":
        failure = {"code": "JOB_CANCELLED", "message": "the job was cancelled", **failure}
    return of_worker(failure.get("message"), {"code": "JOB_FAILED", "retryable": False, **failure})


def _progress(now: str, state: Reply) -> Progress:
    """The progress as a queue tells it: IN_PROGRESS from the moment that a worker has the job, which makes its first attempt."""
    now = "IN_PROGRESS" if now == "IN_QUEUE" and state.get("attempt") else now
    counts = state.get("progress") or {}
    done, total = int(counts.get("done", 0)), int(counts.get("total", 0))
    parts = {"parts": state["parts"]} if state.get("parts") else {}
    return Progress(now, done, total, {"job_id": state.get("job_id"), "done": done, "total": total, **parts})
