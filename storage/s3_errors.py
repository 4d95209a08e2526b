"""
Failures of the bucket: S3's codes and botocore's exceptions as our own errors, in one table.

Messages name the setting to look at, never a key, a bucket or a host.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import urllib3.exceptions
from botocore import exceptions as aws
from botocore.parsers import ResponseParserError

from cloning.errors import ServiceError, StorageMisconfigured, StorageUnavailable
from cloning.ports import AlreadyExists, Changed, NoSuchObject
from storage.s3_replies import FOREIGN_REPLY

ABSENT = ("NoSuchKey",)  # never the bare status: a gateway without a route to the store answers 404 too
RACED = ("PreconditionFailed", "412", "ConditionalRequestConflict", "OtherVersion")
# By number where the reply has no body with a code, such as the reply to a HEAD.
REFUSED = ("AccessDenied", "403", "Forbidden")
UNTOLD = ("400", "401", "403", "404", "405")
"""Refusals without a body, which may come from a gateway or mean several things."""
_NEEDED = {
    "list": "s3:ListBucket",
    "check": "s3:ListBucket",
    "get": "s3:GetObject (and s3:ListBucket: without it a missing object looks like a forbidden one)",
    "head": "s3:GetObject (and s3:ListBucket: without it a missing object looks like a forbidden one)",
    "download": "s3:GetObject",
    "delete": "s3:DeleteObject",
}


class BrokenBody(Exception):
    """A reply that broke off. botocore does not retry these, so we do."""


class OtherVersion(Exception):
    """A part of another version of the object than the earlier parts: the store ignores If-Match."""


class Trouble(NamedTuple):
    """A row of the table of failures: the error and message for some of S3's codes and botocore's exceptions."""

    error: type[ServiceError]
    message: str
    codes: tuple[str, ...]
    exceptions: tuple[type[Exception], ...]


# A code decides first, then the first row with the exception's class. The last row takes what botocore refuses to send.
TROUBLES = (
    Trouble(
        StorageUnavailable,
        "the store asks for fewer requests: try again later",
        ("SlowDown", "ServiceUnavailable", "503", "429", "TooManyRequests", "Throttling", "ThrottlingException", "RequestThrottled",
         "RequestLimitExceeded", "BandwidthLimitExceeded", "RateLimitExceeded"),
        (),
    ),
    Trouble(
        StorageUnavailable,
        "the bucket took too long to answer: try again, and if it lasts check AWS_ENDPOINT_URL",
        (),
        (aws.ReadTimeoutError, aws.ConnectTimeoutError, urllib3.exceptions.ReadTimeoutError),
    ),
    Trouble(
        StorageUnavailable,
        "something between this worker and the bucket answers in its place (a proxy, a login page, a web server): try again, and if"
        " it lasts check AWS_ENDPOINT_URL and the network",
        (FOREIGN_REPLY,),
        (ResponseParserError,),
    ),
    Trouble(
        StorageUnavailable,
        "the bucket does not answer as it should: try again, and if it lasts check AWS_ENDPOINT_URL",
        ("InternalError", "500", "502", "504", "OperationAborted", "409", "RequestTimeout", "408", "IncompleteBody", "BadDigest",
         "InvalidDigest", "XAmzContentSHA256Mismatch", "NoSuchUpload", "InvalidPart"),
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
        "the store refuses this {operation}: check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and that their policy and the bucket's"
        " allow {needed}",
        (*REFUSED, "AllAccessDisabled", "AccountProblem", "NotSignedUp", "InvalidSecurity", "MethodNotAllowed", "405"),
        (),
    ),
    Trouble(
        StorageMisconfigured,
        "the store does not know our keys: check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN",
        ("401", "Unauthorized", "SignatureDoesNotMatch", "InvalidAccessKeyId"),
        (),
    ),
    Trouble(
        StorageMisconfigured,
        "the session token has expired or is not valid: set new AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN",
        ("ExpiredToken", "InvalidToken", "TokenRefreshRequired"),
        (),
    ),
    Trouble(
        StorageMisconfigured,
        "the clocks of this machine and of the store differ by too much: set this machine's, or let another worker try",
        ("RequestTimeTooSkewed", "RequestExpired"),
        (),
    ),
    Trouble(
        StorageMisconfigured,
        "the store is full, or its quota is used up: make room (`expire` does), or raise the quota",
        ("QuotaExceeded", "XMinioStorageFull", "XMinioAdminBucketQuotaExceeded", "InsufficientStorage", "507", "StorageCapExceeded"),
        (),
    ),
    Trouble(
        StorageMisconfigured,
        "the object is archived and can't be read: restore it, and keep this bucket's objects out of archive classes",
        ("InvalidObjectState",),
        (),
    ),
    Trouble(
        StorageMisconfigured,
        "the bucket's encryption key can't be used: check the key, and that our credentials may use it",
        ("KMS.DisabledException", "KMS.InvalidStateException", "KMS.KMSInvalidStateException", "KMS.NotFoundException",
         "KMS.NotFound", "KMS.AccessDeniedException", "KMS.InvalidKeyUsageException"),
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
        "the request does not suit the store: check S3_BUCKET, S3_PREFIX, AWS_REGION and AWS_ENDPOINT_URL",
        ("AuthorizationHeaderMalformed", "AuthorizationQueryParametersError", "PermanentRedirect", "301",
         "IllegalLocationConstraintException", "NotImplemented", "501", "InvalidRequest", "InvalidArgument", "InvalidURI",
         "KeyTooLongError", "EntityTooLarge", "EntityTooSmall", "InvalidBucketState", "MissingContentLength", "411", "413", "414",
         "InvalidEncryptionAlgorithmError", "UserKeyMustBeSpecified"),
        (aws.BotoCoreError, aws.UndefinedModelAttributeError),
    ),
)  # fmt: skip
BUCKET_IN_ENDPOINT = (
    "the store takes the bucket for an object of another bucket: AWS_ENDPOINT_URL seems to hold a bucket's name; set it to the store's own"
    " address, such as https://s3.example.com, and the name in S3_BUCKET alone"
)
NO_CONDITIONS = (
    "the store doesn't support conditional PUT (If-None-Match, If-Match), without which a job may be done twice: use another store,"
    " such as AWS S3 or Cloudflare R2"
)
FOREIGN = tuple(exception for row in TROUBLES for exception in row.exceptions)


def code_of(error: Exception) -> str:
    """S3's code for the failure (the HTTP status if the reply has no body, as to a HEAD), or the exception's name."""
    return str(error.response["Error"]["Code"]) if isinstance(error, aws.ClientError) else type(error).__name__


def translation(operation: str, key: str, error: Exception) -> Exception:
    """Translate a foreign exception into the service's. An unknown code becomes StorageUnavailable, with the code kept."""
    code = code_of(error)
    if operation == "create" and code in RACED:
        return AlreadyExists(key)
    if operation == "replace" and code in RACED + ABSENT:
        return Changed(key)
    if operation in ("get", "head", "download", "delete") and code in ABSENT:
        return NoSuchObject(key)
    if operation in ("create", "replace") and code == "NotImplemented":
        return StorageMisconfigured(NO_CONDITIONS, s3_code=code, operation=operation)
    if operation in ("list", "check", "create", "put") and code == "NoSuchKey":
        return StorageMisconfigured(BUCKET_IN_ENDPOINT, s3_code=code, operation=operation)
    by_code = [row for row in TROUBLES if code in row.codes]
    row = (by_code or [row for row in TROUBLES if isinstance(error, row.exceptions)])[0]
    message = row.message.format(operation=operation, needed=_NEEDED.get(operation, "s3:PutObject"))
    return row.error(message, s3_code=code, operation=operation)


@contextmanager
def translating(operation: str, key: str = "") -> Iterator[None]:
    """Raise boto3's failures as our own; the one place that does. An error of a local file stays an OSError."""
    try:
        yield
    except FOREIGN as error:
        raise translation(operation, key, error) from error
