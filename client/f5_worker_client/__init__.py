"""
Client of the F5-TTS worker for RunPod Serverless.

Requests, and the rules for repeating them, are written once, as flows: generators of steps. A driver runs the steps over httpx,
blocking or not.

    errors       what can go wrong, and the exit codes
    address      where the worker is, and with which key
    steps        the steps of a flow
    drivers      run the steps, over HTTP
    queue        flows for RunPod's queue: submit, poll, repeat
    http_server  flows for a worker that answers HTTP itself; chooses by the address
    actions      flows of the worker's actions
    downloads    flows that download files, whole or not at all
    replies      the replies of the actions
    client       the classes Client and AsyncClient
    bridge       an endpoint behind the OpenAI speech API: `f5-worker serve`
    texts        splits a book into the texts of jobs
    parts        what is known of each job of a book, on this disk
    joining      joins the jobs' audio, subtitles and words
    books        a text of any length to a file
    cli/         the command line
    __main__     `f5-worker`
"""

from f5_worker_client.books import Book, speak_long
from f5_worker_client.client import AsyncClient, Client
from f5_worker_client.errors import (
    ClientError,
    Conflict,
    DownloadFailed,
    Failed,
    InvalidRequest,
    NotFound,
    Unauthorised,
    Unavailable,
)
from f5_worker_client.queue import Patience, Progress
from f5_worker_client.replies import Checked, Dictionary, Expired, JobState, Reading, Speech, Voice

__all__ = [
    "AsyncClient",
    "Book",
    "Checked",
    "Client",
    "ClientError",
    "Conflict",
    "Dictionary",
    "DownloadFailed",
    "Expired",
    "Failed",
    "InvalidRequest",
    "JobState",
    "NotFound",
    "Patience",
    "Progress",
    "Reading",
    "Speech",
    "Unauthorised",
    "Unavailable",
    "Voice",
    "speak_long",
]
