"""
What a failure of the bucket means: S3's codes and botocore's exceptions as our own errors, in one table.

Messages name the setting to look at, never a key, a bucket or a host.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import urllib3.exceptions
from botocore import exceptions as aws

from cloning.errors import ServiceError, StorageMisconfigured, StorageUnavailable
from cloning.ports import AlreadyExists, Changed, NoSuchObject

ABSENT = ("NoSuchKey", "404")
RACED = ("PreconditionFailed", "412", "ConditionalRequestConflict", "OtherVersion")
# By number where the reply to a HEAD has no body.
_ELSEWHERE = ("PermanentRedirect", "TemporaryRedirect", "AuthorizationHeaderMalformed", "301", "307", "400")


class BrokenBody(Exception):
    """A reply that began well and ended too early. botocore does not repeat these, so we do."""


class OtherVersion(Exception):
    """A part of another version of the object than the parts before: a store that ignores If-Match."""


class Trouble(NamedTuple):
    """A row of the table of failures: what S3's codes and botocore's exceptions mean to a caller."""

    error: type[ServiceError]
    message: str
    codes: tuple[str, ...]
    exceptions: tuple[type[Exception], ...]


# A code decides first, then the first row with the exception's class. The last takes what botocore refuses to send at all.
TROUBLES = (
    Trouble(
        StorageUnavailable,
        "the bucket does not answer as it should: try again, and if it lasts check AWS_ENDPOINT_URL",
        (),
        (BrokenBody, OtherVersion, urllib3.exceptions.HTTPError, aws.HTTPClientError, aws.ConnectionError, aws.IncompleteReadError,
         aws.PaginationError, aws.ChecksumError, aws.FlexibleChecksumError, aws.ClientError),
    ),
    Trouble(
        StorageMisconfigured,
        "the bucket that S3_BUCKET names does not exist: create it, or correct S3_BUCKET, AWS_REGION or AWS_ENDPOINT_URL",
        ("NoSuchBucket", "InvalidBucketName"),
        (aws.InvalidDNSNameError,),
    ),
    Trouble(
        StorageMisconfigured,
        "the store refuses us: check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, and that they may list,"
        " read, write and delete in the bucket",
        ("AccessDenied", "403", "401", "Forbidden", "Unauthorized", "SignatureDoesNotMatch", "InvalidAccessKeyId",
         "ExpiredToken", "InvalidToken", "TokenRefreshRequired", "AllAccessDisabled", "AccountProblem", "NotSignedUp"),
        (),
    ),
    Trouble(
        StorageMisconfigured,
        "no complete credentials for the bucket were found: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
        (),
        (aws.NoCredentialsError, aws.PartialCredentialsError, aws.CredentialRetrievalError, aws.UnknownCredentialError,
         aws.NoAuthTokenError, aws.TokenRetrievalError, aws.UnknownTokenProviderError, aws.RefreshWithMFAUnsupportedError,
         aws.SSOError, aws.LoginError, aws.ProfileNotFound, aws.MetadataRetrievalError),
    ),
    Trouble(
        StorageMisconfigured,
        "the request does not suit the store: check S3_BUCKET, S3_PREFIX, AWS_REGION, AWS_ENDPOINT_URL and this machine's clock",
        ("AuthorizationHeaderMalformed", "PermanentRedirect", "301", "NotImplemented", "RequestTimeTooSkewed"),
        (aws.BotoCoreError, aws.UndefinedModelAttributeError),
    ),
)  # fmt: skip
BUCKET_IN_ENDPOINT = (
    "the store takes the bucket for an object of another bucket: AWS_ENDPOINT_URL seems to hold a bucket's name; set it to the store's own"
    " address, such as https://s3.example.com, and the name in S3_BUCKET alone"
)
BUCKET_IN_ENDPOINT = (
    "the store takes the bucket for an object of another bucket: AWS_ENDPOINT_URL seems to hold a bucket's name; set it to the store's own"
    " address, such as https://s3.example.com, and the name in S3_BUCKET alone"
)
NO_CONDITIONS = (
    "the store knows no conditional PUT (If-None-Match, If-Match), by which a job is done once: use another store,"
    " such as AWS S3 or Cloudflare R2"
)
FOREIGN = tuple(exception for row in TROUBLES for exception in row.exceptions)


def code_of(error: Exception) -> str:
    """S3's code for the failure (the HTTP status where a HEAD has no body for one), or the exception's name."""
    return str(error.response["Error"]["Code"]) if isinstance(error, aws.ClientError) else type(error).__name__


def translation(operation: str, key: str, error: Exception) -> Exception:  # noqa: PLR0911 - one line for each kind
    """What a foreign exception means to a caller. A code that nobody knows is StorageUnavailable, the code kept."""
    code = code_of(error)
    if operation == "create" and code in RACED:
        return AlreadyExists(key)
    if operation == "replace" and code in RACED + ABSENT:
        return Changed(key)
    if operation in ("get", "head", "download", "delete") and code in ABSENT:
        return NoSuchObject(key)
    if operation in ("create", "replace") and code == "NotImplemented":
        return StorageMisconfigured(NO_CONDITIONS, s3_code=code, operation=operation)
    if operation in ("list", "check") and code == "NoSuchKey":
        return StorageMisconfigured(BUCKET_IN_ENDPOINT, s3_code=code, operation=operation)
    if operation in ("list", "check") and code == "NoSuchKey":
        return StorageMisconfigured(BUCKET_IN_ENDPOINT, s3_code=code, operation=operation)
    by_code = [row for row in TROUBLES if code in row.codes]
    row = (by_code or [row for row in TROUBLES if isinstance(error, row.exceptions)])[0]
    return row.error(row.message, s3_code=code, operation=operation)


@contextmanager
def translating(operation: str, key: str = "") -> Iterator[None]:
    """The one place where a failure of boto3 becomes one of ours. Trouble with a local file stays an OSError."""
    try:
        yield
    except FOREIGN as error:
        raise translation(operation, key, error) from error


def refusing_elsewhere(region: str) -> Callable[..., None]:
    """
    A handler of botocore's `needs-retry`: StorageMisconfigured where the store says that the bucket lies in another region.

    botocore itself would sign again for that region and go on. But a presigned URL, which nobody can send back to us, would still
    be signed for ours, and AWS refuses it.
    """

    def refuse(response: tuple[Any, Any] | None, **_: object) -> None:
        if response is None or response[1].get("Error", {}).get("Code") not in _ELSEWHERE:
            return
        where = response[0].headers.get("x-amz-bucket-region")
        if where and where != region:
            raise StorageMisconfigured(
                f"the bucket lies in region {where!r} and AWS_REGION is {region!r}: set AWS_REGION={where}",
                region=where,
                configured=region,
            )

    return refuse
