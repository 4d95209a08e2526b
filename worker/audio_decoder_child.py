"""
The program that reads untrusted audio, started and kept by `audio_decoder.py`. No model code, no secrets, no network.

It forks for each request. The fork decodes under limits and answers with one message; any damage that a file does ends with the
fork, and no file sees another's leftovers. The parent process never parses a file's bytes. It ends when its standard input does.
"""

import ctypes
import gc
import json
import os
import resource
import select
import signal
import struct
import sys
import traceback
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

CANONICAL, RECORDING = range(2)
REQUEST = struct.Struct(">BQ")
"""The operation, and how many bytes of audio follow."""
ANSWER = struct.Struct(">iQ")
"""The fork's wait status, and how many bytes of its message follow. The first answer, before any request, is about the start."""
MESSAGE = struct.Struct(">I")
"""How many bytes of JSON follow; the rest is raw."""

NO_MEMORY = 77
"""The exit code of a fork that ran out of memory."""

_STDIN, _STDOUT, _STDERR = range(3)
_BLOCK = 1 << 20
_PR_SET_PDEATHSIG = 1
_MOST_FILES = 64
_USUAL_RATE = 44_100
_FAILED = 1 << 8  # the wait status of exit code 1
_LONGEST_TRACE = 8_000

Decode = Callable[[int, bytes], tuple[dict[str, Any], bytes]]


def main() -> None:
    """Answer requests from stdin on the original stdout, replaced by /dev/null. Arguments: bytes of memory, seconds of CPU."""
    memory_bytes, cpu_s = map(int, sys.argv[1:3])
    answers = os.dup(_STDOUT)
    silence = os.open(os.devnull, os.O_RDWR)
    os.dup2(silence, _STDOUT)
    os.dup2(silence, _STDERR)
    with suppress(OSError):  # if memory runs short, the kernel should kill this process first
        Path("/proc/self/oom_score_adj").write_text("1000", "ascii")
    try:
        decode = _prepared()
    except Exception:  # noqa: BLE001 - reported to the parent process
        _send(answers, _FAILED, traceback.format_exc().encode()[-_LONGEST_TRACE:])
        return
    _send(answers, 0, b"")
    requests = open(_STDIN, "rb", closefd=False)  # noqa: SIM115 - for the life of the process
    while len(request := requests.read(REQUEST.size)) == REQUEST.size:
        what, size = REQUEST.unpack(request)
        if len(data := requests.read(size)) < size:
            return
        _send(answers, *_in_a_fork(lambda: _message(decode, what, data), memory_bytes, cpu_s))  # noqa: B023 - called at once


def _prepared() -> Decode:
    """Load the decoder's libraries and use them once, so that forks inherit them ready."""
    warnings.simplefilter("ignore")
    import av  # noqa: F401 - what a fork imports counts against its memory
    import numpy as np

    from cloning.audio.canonical import check_and_make_canonical, encode_pcm16
    from cloning.audio.decoding import decode_speech

    def work(what: int, data: bytes) -> tuple[dict[str, Any], bytes]:
        if what == CANONICAL:
            canonical, measures = check_and_make_canonical(data)
            fields = asdict(canonical)
            wav = fields.pop("wav")
            return {"canonical": fields, "measures": asdict(measures)}, wav
        recording = decode_speech(data)
        fields = {"warnings": recording.warnings, "clipped_share": recording.clipped_share}
        return {"sample_rate": recording.sample_rate, **fields}, recording.samples.astype("<f4").tobytes()

    tone = (np.sin(np.arange(3 * _USUAL_RATE) * 0.1) * 10_000).astype(np.int16)
    work(CANONICAL, encode_pcm16(tone, _USUAL_RATE, "wav"))
    gc.freeze()
    return work


def _message(decode: Decode, what: int, data: bytes) -> bytes:
    from cloning.errors import InvalidAudio

    try:
        header, body = decode(what, data)
    except InvalidAudio as error:
        header, body = {"refused": {"message": error.message, "details": error.details}}, b""
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - a bug, reported to the caller
        header, body = {"bug": traceback.format_exc()[-_LONGEST_TRACE:]}, b""
    text = json.dumps(header, default=float).encode()
    return MESSAGE.pack(len(text)) + text + body


def _in_a_fork(work: Callable[[], bytes], memory_bytes: int, cpu_s: int) -> tuple[int, bytes]:
    """Run the work in a fork; return its wait status and message, however it ended."""
    ours, theirs = os.pipe()
    parent, child = os.getpid(), os.fork()
    if child == 0:
        code = 1
        try:
            _confine(parent, keep=theirs, memory_bytes=memory_bytes, cpu_s=cpu_s)
            _write(_STDOUT, work())
            code = 0
        except MemoryError:
            code = NO_MEMORY
        finally:
            os._exit(code)
    os.close(theirs)
    message = _read_while_wanted(ours)
    os.close(ours)
    return os.waitpid(child, 0)[1], message


def _confine(parent: int, *, keep: int, memory_bytes: int, cpu_s: int) -> None:
    """Leave only `keep` open, as standard output; set the limits; make this process end with `parent`."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
    os.dup2(_STDERR, _STDIN)  # /dev/null
    os.dup2(keep, _STDOUT)
    os.closerange(_STDERR + 1, max(keep, _MOST_FILES) + 1)
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
    most = pages * resource.getpagesize() + memory_bytes
    limits = {
        resource.RLIMIT_AS: (most, most),
        resource.RLIMIT_CPU: (cpu_s, cpu_s + 1),
        resource.RLIMIT_CORE: (0, 0),
        resource.RLIMIT_FSIZE: (0, 0),
        resource.RLIMIT_NOFILE: (_MOST_FILES, _MOST_FILES),
    }
    for what, (soft, hard) in limits.items():
        allowed = resource.getrlimit(what)[1]
        bound = hard if allowed == resource.RLIM_INFINITY else min(hard, allowed)
        resource.setrlimit(what, (min(soft, bound), bound))


def _read_while_wanted(file: int) -> bytes:
    """Read the pipe until it is closed. If our own parent has gone, end this process, and thereby the fork."""
    waiting = select.poll()
    waiting.register(file, select.POLLIN)
    waiting.register(_STDIN, 0)  # a hang-up is reported even so
    data = bytearray()
    while True:
        ready = dict(waiting.poll())
        if _STDIN in ready:
            os._exit(0)
        block = os.read(file, _BLOCK)
        if not block:
            return bytes(data)
        data += block


def _send(file: int, status: int, message: bytes) -> None:
    _write(file, ANSWER.pack(status, len(message)) + message)


def _write(file: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(file, left) :]


if __name__ == "__main__":
    main()
