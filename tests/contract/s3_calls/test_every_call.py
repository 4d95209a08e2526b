"""Every call of the store under every fault of the server or the network: one of our errors, which says what to do."""

from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest

from cloning.errors import StorageMisconfigured, StorageUnavailable
from cloning.ports import AlreadyExists, Changed, NoSuchObject, TooLarge
from s3_utils import S3Store, s3_client
from tests.contract.conftest import keys_of
from tests.contract.s3_calls.bench import CALLS, FOREIGN, FOREIGN_REFUSALS, MISCONFIGURED, TEXT, UNAVAILABLE, Bench
from tests.servers import Fault, Faults, Request, Server, spoiling


def _always(fault: Fault, _: Request) -> Fault:
    return fault


@pytest.fixture(scope="module")
def proxied(server: Server) -> Iterator[tuple[Callable[[int, float], Any], Faults]]:
    """One proxy and few clients for all tests, because a client takes most of a second to make."""
    with spoiling(server) as (proxy, faults):
        yield (
            cache(lambda attempts, reply_s: s3_client(proxy.settings("b"), attempts=attempts, reply_s=reply_s)),
            faults,
        )


@pytest.fixture
def bench(proxied: tuple[Callable[[int, float], Any], Faults], bucket: str, tmp_path: Path) -> Iterator[Bench]:
    client, faults = proxied
    S3Store(bucket, client(1, 30)).put("x", b"stored", content_type=TEXT)
    faults.seen.clear()
    faults.left.clear()
    yield Bench(client, bucket, faults, tmp_path)
    faults.choose = lambda _: None


@pytest.mark.parametrize(
    ("name", "fault"),
    # A HEAD has no body that could hold an error.
    [(name, fault) for name in CALLS for fault in UNAVAILABLE if (name, fault) != ("head", "an error in a 200")],
)
def test_what_may_pass_is_unavailable(bench: Bench, name: str, fault: str) -> None:
    """A failure that may pass is StorageUnavailable: never a result, a missing object or a bug."""
    bench.faults.choose = lambda _: UNAVAILABLE[fault]

    with pytest.raises(StorageUnavailable) as failed:
        bench.run(name, bench.store())

    assert failed.value.retryable
    assert failed.value.details["operation"] == name


@pytest.mark.parametrize("fault", FOREIGN_REFUSALS)
@pytest.mark.parametrize("name", CALLS)
def test_a_refusal_that_is_not_the_stores_may_pass(bench: Bench, name: str, fault: str) -> None:
    """A refusal by something in front of the store is no missing object, no lost race and no deletion: the store was never asked."""
    bench.faults.choose = lambda _: FOREIGN_REFUSALS[fault]

    with pytest.raises(StorageUnavailable, match="answers in its place") as failed:
        bench.run(name, bench.store())

    assert failed.value.details == {"s3_code": "ForeignReply", "operation": name}


@pytest.mark.parametrize("fault", ["a 404 in text", "an empty 404", "a 403 in a page", "a 401 in JSON"])
@pytest.mark.parametrize("name", ["get", "head", "list", "check", "put", "delete", "download", "upload"])
def test_a_foreign_refusal_is_asked_again(bench: Bench, name: str, fault: str) -> None:
    """A gateway's passing refusal costs one more request."""
    left = [FOREIGN_REFUSALS[fault]]
    bench.faults.choose = lambda _: left.pop() if left else None

    found = bench.run(name, bench.store(attempts=3, reply_s=30))

    assert not left
    assert name != "head" or found == next(iter(bench.store().list("x")))


@pytest.mark.parametrize("fault", MISCONFIGURED)
@pytest.mark.parametrize("name", CALLS)
def test_what_somebody_must_mend_is_misconfigured(bench: Bench, name: str, fault: str) -> None:
    """A mistake in the configuration fails at the first request. (HEAD's reply has no code, so the bucket is asked too.)"""
    bench.faults.choose = lambda _: MISCONFIGURED[fault]

    with pytest.raises(StorageMisconfigured) as failed:
        bench.run(name, bench.store(attempts=5))

    assert not failed.value.retryable
    assert len(bench.faults.seen) <= 3  # the object, botocore's own look for the region, the bucket


@pytest.mark.parametrize("name", ["get", "list", "check", "download"])
def test_a_body_that_drips_ends_at_the_deadline(bench: Bench, name: str) -> None:
    """If a body comes byte by byte without end, the store closes the connection at the deadline and doesn't start again."""
    bench.faults.choose = lambda _: Fault(drip="body")
    store = bench.store(attempts=5)

    with pytest.raises(StorageUnavailable):
        bench.run(name, store)

    assert bench.faults.left.wait(10)
    assert len(bench.faults.seen) == (4 if name == "download" else 1)  # a part of a download is asked for again


@pytest.mark.parametrize("name", ["get", "list", "create", "put", "delete", "upload", "download"])
def test_a_head_that_drips_is_waited_for_once(bench: Bench, name: str) -> None:
    """All attempts of a call share one deadline."""
    bench.faults.choose = lambda _: Fault(drip="head")

    with pytest.raises(StorageUnavailable):
        bench.run(name, bench.store(attempts=5))

    assert bench.faults.left.wait(10)
    assert len(bench.faults.seen) == 1


@pytest.mark.parametrize("fault", FOREIGN)
@pytest.mark.parametrize("name", ["get", "list", "check", "put", "delete", "download", "upload"])
def test_a_foreign_reply_is_asked_again(bench: Bench, name: str, fault: str) -> None:
    """A proxy that briefly answers in the store's place costs one more request."""
    left = [FOREIGN[fault]]
    bench.faults.choose = lambda _: left.pop() if left else None

    bench.run(name, bench.store(attempts=3, reply_s=30))

    assert not left
    assert len(bench.faults.seen) >= 2


def test_a_foreign_reply_says_who_answers(bench: Bench) -> None:
    """The message says that something in front of the store answers, so that nobody deletes an object."""
    bench.faults.choose = lambda _: FOREIGN["a login page"]

    with pytest.raises(StorageUnavailable, match="between this worker and the bucket answers in its place"):
        bench.store().get("x")


@pytest.mark.parametrize("keep", [0, 1, 60, 200])
def test_a_listing_that_breaks_off_is_not_a_shorter_one(bench: Bench, keep: int) -> None:
    """A listing that is cut anywhere, whatever its length says, is an error and not a page."""
    for length in (None, keep):
        bench.faults.choose = partial(_always, Fault(keep=keep, length=length))

        with pytest.raises(StorageUnavailable):
            keys_of(bench.store())


@pytest.mark.parametrize("length", ["", "many"])
def test_a_reply_without_a_size_is_no_object(bench: Bench, length: str) -> None:
    """A reply whose length is missing or spoilt, as by a proxy that compresses bodies, is no object."""
    sized = (("Content-Length", length),) if length else (("Transfer-Encoding", "chunked"), ("Content-Length", ""))
    bench.faults.choose = lambda _: Fault(200, content=b"", headers=(("ETag", '"0"'), *sized))

    with pytest.raises(StorageUnavailable):
        bench.store().get("x")


def test_a_body_that_is_not_wanted_is_not_waited_for(bench: Bench) -> None:
    """If the head says that the object is too large, no byte of its body is read."""
    bench.faults.choose = lambda _: Fault(drip="body")

    with pytest.raises(TooLarge):
        bench.store().get("x", most=999_999)


def test_a_record_that_was_shortened_on_the_way_is_not_proved(bench: Bench, s3_store: S3Store) -> None:
    """A shortened body that matches its own length differs from the MD5 in its etag, so it isn't proved; the stored one may be right."""
    bench.faults.choose = lambda _: Fault(keep=3, length=3)

    spoilt, whole = bench.store().get("x"), s3_store.get("x")

    assert (spoilt.body, spoilt.is_proved) == (b"sto", False)
    assert (whole.body, whole.is_proved) == (b"stored", True)


@pytest.mark.parametrize("code", ["AccessDenied", "Forbidden"])
@pytest.mark.parametrize("name", ["put", "create", "replace"])
def test_one_refusal_after_a_success_is_asked_again(bench: Bench, name: str, code: str) -> None:
    """Some stores now and then refuse what they allow; a write that is refused after a success is tried again, so no result is lost."""
    store = bench.store()
    etag = store.put("y", b"0", content_type=TEXT)
    writes: dict[str, Callable[[], object]] = {
        "put": lambda: store.put("y", b"1", content_type=TEXT),
        "create": lambda: store.create("z", b"1", content_type=TEXT),
        "replace": lambda: store.replace("y", b"1", etag=etag, content_type=TEXT),
    }
    bench.faults.first(1, Fault(403, code), method="PUT")

    writes[name]()

    assert [request.method for request in bench.faults.seen] == ["PUT"] * 3


def test_a_refusal_that_stays_is_told_with_what_is_needed(bench: Bench) -> None:
    """A refusal that stays names the missing right of the operation."""
    store = bench.store()
    store.put("y", b"0", content_type=TEXT)
    bench.faults.choose = lambda _: Fault(403, "AccessDenied")

    needed = {"put": "s3:PutObject", "delete": "s3:DeleteObject", "list": "s3:ListBucket", "get": "s3:GetObject"}
    for name, right in needed.items():
        with pytest.raises(StorageMisconfigured, match=right):
            bench.run(name, store)


@pytest.mark.parametrize("code", ["", "NoSuchKey"])
def test_a_bare_404_means_what_the_call_asked_for(bench: Bench, code: str) -> None:
    """A plain 404 means a missing object to a read, a lost race to a replacement, and success to a deletion."""
    bench.faults.choose = lambda request: None if "list-type" in request.path else Fault(404, code or "NoSuchKey")

    for name in ("get", "head", "download"):
        with pytest.raises(NoSuchObject):
            bench.run(name, bench.store())
    with pytest.raises(Changed):
        bench.run("replace", bench.store())
    bench.run("delete", bench.store())


def test_the_calls_work_without_a_fault(bench: Bench, s3_store: S3Store) -> None:
    """Without faults the calls succeed, so the tests above don't pass just because the proxy spoils everything."""
    for name in ("get", "head", "list", "check", "put", "upload", "download"):
        bench.run(name, bench.store())

    with pytest.raises(AlreadyExists):
        bench.run("create", bench.store())
    with pytest.raises(Changed):
        bench.run("replace", bench.store())
    bench.run("delete", bench.store())
    assert keys_of(s3_store) == []
