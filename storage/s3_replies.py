"""
Checks of the store's replies: handlers of botocore's events for redirects, other regions, and replies that no store gives.

A captive portal, a proxy's error page or a web server on the wrong port may answer 200 with a page of its own. Such a reply is
turned into an error, which is retried, before it is taken for an object, an empty listing or a finished upload.
"""

import hashlib
import ipaddress
import re
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import SplitResult, urlsplit
from xml.etree import ElementTree as ET

from cloning.errors import StorageMisconfigured, StorageUnavailable

FOREIGN_REPLY = "ForeignReply"
_MOST_PROVED_BYTES = 16 << 20
_SUCCESS = 2  # hundreds
_NO_CONTENT = 204
_REDIRECTS = (301, 302, 303, 307, 308)
# By number because the reply to a HEAD has no body.
_ELSEWHERE = (
    "PermanentRedirect", "TemporaryRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "301", "307", "400",
)  # fmt: skip
# Operations with an XML reply, and an element that every make of store includes (the root's name varies).
_ELEMENTS = {
    "ListObjectsV2": re.compile(rb"<(\w+:)?(ListBucketResult|IsTruncated)\b"),
    "CreateMultipartUpload": re.compile(rb"<(\w+:)?UploadId\b"),
    "CompleteMultipartUpload": re.compile(rb"<(\w+:)?(CompleteMultipartUploadResult|ETag)\b"),
}
_REFUSALS = range(400, 500)
_NOT_FOUND = 404
# These mean the same from any server: later, shorter, or a condition that failed.
_CLEAR_REFUSALS = (408, 409, 411, 412, 413, 414, 416, 429)
_CODE = re.compile(r"[A-Za-z][\w.]*", re.ASCII)
_BODILESS = ("HeadObject", "HeadBucket")
_ROOT = re.compile(rb"\s*(<[?!][^>]*>\s*)*<(?P<name>[\w:.-]+)")
_INNER_NAMES = (".local", ".internal", ".lan", ".localhost", ".svc", ".home", ".corp")
_LONGEST_HOST = 80  # RunPod shows 256 characters of a failed check
_IPV4 = 4
_HOST_NAME = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+")
Headers = Mapping[str, str]


def refusing_elsewhere(region: str, endpoint_url: str | None) -> Callable[..., None]:
    """
    Make a handler of botocore's `needs-retry` that raises if the store redirects us to another region or address.

    botocore itself would sign again for the other region and go on. But a presigned URL would still be signed for our region,
    and AWS refuses that. If a redirect names no region, botocore asks for it by HEAD, gets the same redirect, and recurses until
    Python stops it. Raises StorageMisconfigured; StorageUnavailable for AWS's temporary redirect.
    """

    def refuse(response: tuple[Any, Any] | None, request_dict: dict[str, Any], **_: object) -> None:
        if response is None:
            return
        reply, error = response[0], response[1].get("Error", {})
        code, status = str(error.get("Code", "")), reply.status_code
        if code not in _ELSEWHERE and status not in _REDIRECTS:
            return
        where = reply.headers.get("x-amz-bucket-region") or error.get("Region")
        if where and where != region:
            raise StorageMisconfigured(
                f"the bucket is in region {where!r} and AWS_REGION is {region!r}: set AWS_REGION={where}",
                region=where,
                configured=region,
            )
        if status in _REDIRECTS or code == "PermanentRedirect":
            raise _redirected(request_dict, reply.headers.get("location"), code, endpoint_url)

    return refuse


def _redirected(
    request: Mapping[str, Any], location: str | None, code: str, endpoint_url: str | None
) -> StorageMisconfigured | StorageUnavailable:
    if endpoint_url is None and code == "TemporaryRedirect":
        return StorageUnavailable("AWS is still setting up the bucket's address: try again in a few minutes")
    if endpoint_url is None:
        return StorageMisconfigured(
            "the bucket is in another region than AWS_REGION says: set AWS_REGION to the bucket's"
        )
    bucket = request.get("context", {}).get("s3_redirect", {}).get("bucket")
    return StorageMisconfigured(_advice(_split(endpoint_url), _split(location or ""), bucket or ""))


def _advice(ours: SplitResult, theirs: SplitResult, bucket: str) -> str:
    """Advice on what to set. It names the redirect's target host, unless that looks like one of an inner network."""
    host = (theirs.hostname or "").removeprefix(f"{bucket}.")
    if not host or (host, theirs.scheme, _port(theirs)) == (ours.hostname, ours.scheme, _port(ours)):
        return (
            "what answers at AWS_ENDPOINT_URL redirects to a page of its own, as a web site does and an S3 API does not: "
            "set AWS_ENDPOINT_URL to the address of the store's S3 API"
        )
    port = f":{theirs.port}" if theirs.port else ""
    if theirs.scheme and _is_public(host):
        return f"the endpoint redirects to {theirs.scheme}://{host}{port}: set AWS_ENDPOINT_URL to that, if it is the store's own address"
    if host == ours.hostname and (ours.scheme, theirs.scheme) == ("http", "https"):
        return (
            "the endpoint redirects from http:// to https://: "
            f"let AWS_ENDPOINT_URL begin with https://{', and name that port' if port else ''}"
        )
    return "the endpoint redirects to another address: set AWS_ENDPOINT_URL to the one that answers without a redirect"


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return urlsplit("")
    return parts if parts.scheme in ("http", "https", "") else urlsplit("")


def _port(url: SplitResult) -> int:
    return url.port or (443 if url.scheme == "https" else 80)


def _is_public(host: str) -> bool:
    """Whether a reply may name the host: the callers of the worker need not learn the names of an inner network."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return len(host) <= _LONGEST_HOST and bool(_HOST_NAME.fullmatch(host)) and not host.endswith(_INNER_NAMES)
    return address.is_global and address.version == _IPV4


def refuse_foreign(operation_model: Any, response_dict: dict[str, Any], **_: object) -> None:
    """Turn a reply that is not a store's into an error that is retried; a handler of botocore's `before-parse`."""
    status, operation = response_dict["status_code"], operation_model.name
    if status // 100 == _SUCCESS:
        is_foreign = not _is_of_store(operation, response_dict)
    else:
        is_foreign = operation not in _BODILESS and _is_foreign_failure(status, response_dict)
    if is_foreign:
        body = response_dict["body"]
        if hasattr(body, "close"):
            body.close()
        response_dict.update(status_code=500, body=f"<Error><Code>{FOREIGN_REPLY}</Code></Error>".encode())


def _is_foreign_failure(status: int, response: dict[str, Any]) -> bool:
    """
    Whether a gateway refuses in the store's place. A body that is not an S3 error is removed, so that only the status counts.

    Every store reports missing objects and buckets in S3's XML. A 403 without a body is accepted: some stores send no more.
    """
    body = response["body"] if isinstance(response["body"], bytes) else b""
    code = _code_of(body)
    if not code:
        response["body"] = b""
    if status == _NOT_FOUND:
        return not code.startswith("NoSuch")
    return status in _REFUSALS and status not in _CLEAR_REFUSALS and bool(body.strip()) and not code


def _code_of(body: bytes) -> str:
    """The code of an S3 error; '' if the body is not one."""
    try:
        root = ET.fromstring(body)  # noqa: S314 - botocore parses the same bytes in the same way
    except (ET.ParseError, ValueError, LookupError):  # the last two are for unknown encodings
        return ""
    code = (root.findtext("Code") or "").strip() if root.tag == "Error" else ""
    return code if _CODE.fullmatch(code) else ""


def _is_of_store(operation: str, response: Mapping[str, Any]) -> bool:
    headers = {name.lower(): str(value) for name, value in response["headers"].items()}
    body = response["body"] if isinstance(response["body"], bytes) else b""
    if operation in _ELEMENTS:
        return bool(_ELEMENTS[operation].search(body)) and _is_whole(body)
    if operation in ("DeleteObject", "AbortMultipartUpload"):
        return response["status_code"] == _NO_CONTENT or not (body.strip() or _is_page(headers))
    if operation in ("GetObject", "HeadObject") and not _describes_object(operation, headers):
        return False
    if _is_signed_by_store(headers):
        return True
    return "etag" in headers and not _is_page(headers)


def _is_whole(body: bytes) -> bool:
    """Whether the XML is complete: its first element is closed at the end."""
    root = _ROOT.match(body.removeprefix(b"\xef\xbb\xbf"))
    end = body.rstrip()
    return root is not None and (end.endswith((b"</" + root["name"] + b">", b"/>")))


def _describes_object(operation: str, headers: Headers) -> bool:
    """Whether an object's size and time, which every store sends, can be read."""
    if not headers.get("content-length", "").isdecimal():
        return False
    modified = headers.get("last-modified")
    if modified is None:
        return operation == "GetObject"
    try:
        return parsedate_to_datetime(modified).tzinfo is not None
    except ValueError:
        return False


def _is_signed_by_store(headers: Headers) -> bool:
    """Whether the reply has an x-amz-* header; AWS and most other makes send x-amz-request-id with every reply."""
    return any(name.startswith("x-amz") for name in headers)


def _is_page(headers: Headers) -> bool:
    return headers.get("content-type", "").lower().startswith(("text/html", "application/xhtml"))


def etag_of(reply: Any) -> str:
    """The reply's version token without quotes; '' if it has none."""
    return str(reply.get("ETag", "")).removeprefix("W/").strip('"')


def age_s(reply: Any) -> float | None:
    """Seconds between the write and this reply, both by the store's clock; None if a time is missing or unreadable."""
    date, modified = reply["ResponseMetadata"]["HTTPHeaders"].get("date"), reply.get("LastModified")
    try:
        return max(0.0, float((parsedate_to_datetime(date) - modified).total_seconds()))
    except (TypeError, ValueError):
        return None


def is_proved(body: bytes, reply: Any) -> bool:
    """
    Whether the etag is the body's MD5, as for most objects sent in one piece. Large bodies are not checked.

    A weak etag proves nothing: web servers and frameworks derive them from the bodies that they send.
    """
    etag = str(reply.get("ETag", ""))
    if len(body) > _MOST_PROVED_BYTES or etag.startswith("W/"):
        return False
    return hashlib.md5(body, usedforsecurity=False).hexdigest() == etag.strip('"')
