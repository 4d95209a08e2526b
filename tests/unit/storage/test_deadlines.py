"""One deadline for a whole request or reply, on a socket and a clock that a test holds in its hands."""

import io
import socket
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.s3_deadline import LEAST_BYTES_PER_S, DeadlineSocket


class Peer(io.RawIOBase):
    """The socket below and its reader: each read or write moves so many bytes after so many seconds, if it is given the time."""

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
    """However small the steps are, below the least throughput a reply is waited for as long as the timeout says and its bytes need."""
    peer = Peer(bytes_each, seconds_each)
    reader = waited(peer).makefile("rb", buffering=0)

    with pytest.raises(TimeoutError):
        io.BufferedReader(reader).read()

    moved = bytes_each * (peer.now // seconds_each)
    assert peer.now <= 60 + moved / LEAST_BYTES_PER_S + 0.001


def test_a_large_reply_may_take_as_long_as_it_needs() -> None:
    """A gigabyte at twice the least throughput takes nine hours, and comes."""
    peer = Peer(1 << 20, (1 << 20) / (2 * LEAST_BYTES_PER_S))
    reader = waited(peer).makefile("rb")

    body = reader.read(100 << 20)

    assert len(body or b"") == 100 << 20
    assert peer.now > 3000


def test_a_pause_is_no_longer_than_the_timeout() -> None:
    """Bytes that came fast buy no long silence: each wait is limited too."""
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
    """A store that reads a byte now and then would hold a thread as one does that writes so."""
    peer = Peer(1, 5.0)

    with pytest.raises(TimeoutError):
        waited(peer).sendall(b"x" * 1000)

    assert peer.now <= 61


def test_all_that_is_sent_arrives_in_order() -> None:
    """In steps, even if the socket takes only a part of each."""
    left, right = socket.socketpair()
    with left, right:
        body = bytes(range(256)) * 100
        DeadlineSocket(left).sendall(body)

        assert right.recv(len(body), socket.MSG_WAITALL) == body


def test_each_request_and_reply_has_its_own_deadline() -> None:
    """A reused connection starts a new deadline, and so does the reply after the request."""
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
    """As sockets do."""
    peer = Peer(1, 1000.0, timeout_s=None)

    assert len(waited(peer).makefile("rb").read(50) or b"") == 50


def test_only_replies_are_read_through_it() -> None:
    """http.client opens nothing else; a text reader, or one that writes, would go around the deadline."""
    with pytest.raises(ValueError, match="'rw'"):
        waited(Peer(1, 1)).makefile("rw")
