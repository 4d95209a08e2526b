"""Which failures are the store's own, by the form of the reply."""

from types import SimpleNamespace
from typing import Any

import pytest

from storage.s3_replies import FOREIGN_REPLY, refuse_foreign

FORMS = {
    "a page": b"<html><head><title>404 Not Found</title></head></html>",
    "a page that quotes a code": b"<html><li>Code: <Code>NoSuchKey</Code></li></html>",
    "a page in another encoding": '<?xml version="1.0" encoding="utf-16"?><html/>'.encode("utf-16"),
    "text": b"404 page not found\n",
    "JSON": b'{"message":"no Route matched with those values"}',
    "JSON that quotes a code": b'{"Code": "NoSuchKey"}',
    "a number for a code": b"<Error><Code>404</Code></Error>",
    "no code": b"<Error><Message>NoSuchKey</Message></Error>",
    "an empty code": b"<Error><Code/></Error>",
    "another root": b"<r><Error>NoSuchKey</Error></r>",
    "another root around S3's": b"<r><Error><Code>NoSuchKey</Code></Error></r>",
    "broken off": b"<Error><Code>NoSuchKey</Code><Mess",
    "a tree for a code": b"<Error><Code><Code>NoSuchKey</Code></Code></Error>",
    "an unknown encoding": b'<?xml version="1.0" encoding="x-mine"?><Error><Code>NoSuchKey</Code></Error>',
    "bytes": b"\xff\xfe\x00",
}
STORES = {
    "AWS": b'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>NoSuchKey</Code><Message>m</Message><Key>k</Key></Error>',
    "a store with a mark": b"\xef\xbb\xbf<Error>\n<Key>k</Key>\n<Code> NoSuchKey </Code></Error>\n",
    "a bucket": b"<Error><Code>NoSuchBucket</Code></Error>",
    "an upload": b"<Error><Code>NoSuchUpload</Code></Error>",
}
OPERATIONS = ("GetObject", "PutObject", "DeleteObject", "ListObjectsV2", "CreateMultipartUpload", "UploadPart")


def judged(operation: str, status: int, body: bytes) -> dict[str, Any]:
    response: dict[str, Any] = {"status_code": status, "body": body, "headers": {}}
    refuse_foreign(SimpleNamespace(name=operation), response)
    return response


def is_foreign(response: dict[str, Any]) -> bool:
    return response["status_code"] == 500 and FOREIGN_REPLY.encode() in response["body"]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 410, 451])
@pytest.mark.parametrize("form", FORMS)
def test_a_refusal_in_another_form_than_s3s_is_foreign(form: str, status: int) -> None:
    """A refusal in another form than S3's isn't the store's, so nothing it says of objects, rights or keys is passed on."""
    for operation in OPERATIONS:
        response = judged(operation, status, FORMS[form])

        assert is_foreign(response)


@pytest.mark.parametrize("body", [b"", b" \n", b"<Error><Code>NotFound</Code></Error>"])
def test_a_404_that_names_nothing_missing_is_foreign(body: bytes) -> None:
    """A 404 that doesn't say what is missing isn't the store's: every store names the key, the bucket or the upload."""
    for operation in OPERATIONS:
        assert is_foreign(judged(operation, 404, body))


@pytest.mark.parametrize("form", STORES)
def test_what_a_store_says_is_missing_stays(form: str) -> None:
    """A store's own 404 is passed on byte for byte for botocore to read."""
    for operation in OPERATIONS:
        response = judged(operation, 404, STORES[form])

        assert (response["status_code"], response["body"]) == (404, STORES[form])


@pytest.mark.parametrize("status", [409, 412, 413, 416, 429, 500, 502, 503, 507])
@pytest.mark.parametrize("form", FORMS)
def test_a_clear_status_stays_without_the_body(form: str, status: int) -> None:
    """A clear status is passed on without the body, which could mislead botocore."""
    response = judged("GetObject", status, FORMS[form])

    assert (response["status_code"], response["body"]) == (status, b"")


@pytest.mark.parametrize("status", [400, 403, 404])
def test_a_head_is_not_judged(status: int) -> None:
    """A HEAD's reply has no body in any store, so it isn't judged."""
    assert not is_foreign(judged("HeadObject", status, b""))


def test_an_empty_403_is_the_stores() -> None:
    """An empty 403 is the store's, because some stores send no more."""
    assert not is_foreign(judged("GetObject", 403, b""))
