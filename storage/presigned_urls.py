"""Presigned URLs: they are signed here, and live no longer than the credentials that sign them."""

from datetime import UTC, datetime
from typing import Any

from cloning.errors import StorageMisconfigured
from cloning.ports import UrlLife


def presigned_url(client: Any, bucket: str, key: str, life: UrlLife) -> str:
    """A URL that reads the object without credentials; the signature is made here, without a request."""
    target = {"Bucket": bucket, "Key": key}
    url: str = client.generate_presigned_url("get_object", Params=target, ExpiresIn=life.seconds)
    return url


def url_life(client: Any, expires_s: int, token_until: datetime | None) -> UrlLife:
    """How long a URL of `expires_s` seconds really lives. Raises StorageMisconfigured if the session token has expired."""
    until, is_known = _credentials_end(client, token_until)
    if until is None:
        return UrlLife(expires_s, is_certain=is_known)
    left_s = int((until - datetime.now(UTC)).total_seconds())
    if left_s <= 0:
        raise StorageMisconfigured(
            "the session token for the bucket has expired: set a new AWS_SESSION_TOKEN and its keys"
        )
    return UrlLife(min(expires_s, left_s), is_certain=True)


def _credentials_end(client: Any, token_until: datetime | None) -> tuple[datetime | None, bool]:
    """
    Return when the credentials that sign URLs expire, and whether that is known.

    The result is (None, True) for keys without a session token, which don't expire. `token_until` is the expiry from the
    settings. Credentials that boto3 renews by itself are renewed first if they are about to expire.
    """
    credentials = client._request_signer._credentials  # noqa: SLF001 - botocore has no public access to a client's credentials
    if credentials is None:
        return None, True
    frozen = credentials.get_frozen_credentials()
    if not frozen.token:
        return None, True
    until = getattr(credentials, "_expiry_time", None) or token_until
    return (until.astimezone(UTC), True) if until else (None, False)
