"""
Client of the F5-TTS worker for RunPod Serverless.

What is asked, and when to ask again, is written once, in flows: generators of steps. A driver takes the steps, over httpx, blocking or not.

    errors      what can go wrong, and the exit codes
    address     where the worker is, and with which key
    steps       the steps of a flow
    drivers     take the steps, over HTTP
    queue       flows of RunPod's queue: submit, poll, ask again
    door        flows of a worker that answers HTTP itself; whichever the address has
    actions     flows of the worker's actions
    downloads   flows that bring files, whole or not at all
    replies     what the actions answer
    client      the classes Client and AsyncClient
    bridge      an endpoint behind the OpenAI speech API: `f5-worker serve`
    texts       a book to texts of jobs
    parts       what is known of each job of a book, on this disk
    joining     the jobs' sounds, subtitles and words in one
    books       a text of any length to a file
    cli/        the command line
    __main__    `f5-worker`
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
from f5_worker_client.replies import Checked, JobState, Reading, Speech, Voice

__all__ = [
    "AsyncClient",
    "Book",
    "Checked",
    "Client",
    "ClientError",
    "Conflict",
    "DownloadFailed",
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
