"""One deadline for a whole request or reply, on a socket and a clock that the test controls."""

import io
import socket
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.s3_deadline import LEAST_BYTES_PER_S, DeadlineSocket


class Peer(io.RawIOBase):
    """The socket below and its reader: each read or write moves so many bytes after so many seconds, if it has that time."""

    def __init__(self, bytes_each: int, seconds_each: float, timeout_s: float | None = 60.0) -> None:
        self.bytes_each, self.seconds_each, self.timeout_s = bytes_each, seconds_each, timeout_s
        self.now = 0.0

    def gettimeout(self) -> float | None:
        return self.timeout_s

    def settimeout(self, timeout_s: float | None) -> None:
        self.timeout_s = timeout_s

    def makefile(self, mode: str, buffering: int) -> "Peer":
        return self

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._move(len(buffer))

    def send(self, data: Any, flags: int) -> int:
        return self._move(len(data))

    def _move(self, most: int) -> int:
        patience = self.seconds_each if self.timeout_s is None else min(self.timeout_s, self.seconds_each)
        self.now += patience
        if patience < self.seconds_each:
            raise TimeoutError
        return min(most, self.bytes_each)


def waited(peer: Peer) -> DeadlineSocket:
    return DeadlineSocket(peer, lambda: peer.now)


@given(bytes_each=st.integers(1, 1000), seconds_each=st.floats(0.1, 59.0))
def test_what_drips_ends_soon_after_its_timeout(bytes_each: int, seconds_each: float) -> None:
    """A reply below the least throughput is waited for as long as the timeout and its bytes allow, however small its steps."""
    peer = Peer(bytes_each, seconds_each)
    reader = waited(peer).makefile("rb", buffering=0)

    with pytest.raises(TimeoutError):
        io.BufferedReader(reader).read()

    moved = bytes_each * (peer.now // seconds_each)
    assert peer.now <= 60 + moved / LEAST_BYTES_PER_S + 0.001


def test_a_large_reply_may_take_as_long_as_it_needs() -> None:
    """A gigabyte at twice the least throughput takes nine hours and arrives."""
    peer = Peer(1 << 20, (1 << 20) / (2 * LEAST_BYTES_PER_S))
    reader = waited(peer).makefile("rb")

    body = reader.read(100 << 20)

    assert len(body or b"") == 100 << 20
    assert peer.now > 3000


def test_a_pause_is_no_longer_than_the_timeout() -> None:
    """A fast start allows no long silence: each wait is limited by the timeout too."""
    peer = Peer(1 << 20, 0.001)
    reader = waited(peer).makefile("rb", buffering=0)
    for _ in range(64):
        reader.read(1 << 20)
    before = peer.now
    peer.seconds_each = 1e9

    with pytest.raises(TimeoutError):
        reader.read(1)

    assert peer.now - before <= 60


def test_a_request_that_is_taken_too_slowly_ends() -> None:
    """A store that reads a request too slowly ends it too, since it would hold a thread."""
    peer = Peer(1, 5.0)

    with pytest.raises(TimeoutError):
        waited(peer).sendall(b"x" * 1000)

    assert peer.now <= 61


def test_all_that_is_sent_arrives_in_order() -> None:
    """Everything is sent in order, even if the socket takes only a part of each step."""
    left, right = socket.socketpair()
    with left, right:
        body = bytes(range(256)) * 100
        DeadlineSocket(left).sendall(body)

        assert right.recv(len(body), socket.MSG_WAITALL) == body


def test_each_request_and_reply_has_its_own_deadline() -> None:
    """A request on a reused connection has a new deadline, and so has the reply after it."""
    peer = Peer(1, 5.0)
    sock = waited(peer)
    reader = sock.makefile("rb", buffering=0)
    for _ in range(11):
        reader.read(1)

    sock.restart()
    sock.sendall(b"x" * 11)
    sock.settimeout(60)
    again = [reader.read(1) for _ in range(11)]

    assert len(again) == 11


def test_a_socket_without_a_timeout_waits_for_ever() -> None:
    """Without a timeout the socket waits for ever, as sockets do."""
    peer = Peer(1, 1000.0, timeout_s=None)

    assert len(waited(peer).makefile("rb").read(50) or b"") == 50


def test_only_replies_are_read_through_it() -> None:
    """http.client only opens a binary reader; a text reader or a writer would bypass the deadline."""
    with pytest.raises(ValueError, match="'rw'"):
        waited(Peer(1, 1)).makefile("rw")
