"""The types of settings besides numbers and words, each with its check: buckets, regions, endpoints, keys, folders."""

import os
import re
from collections.abc import Container
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, SecretStr

from cloning import keys
from cloning.object_keys import check_key
from cloning.settings.variables import local_path

_BUCKET = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
_BUCKET_OF_AWS = re.compile(r"[a-z0-9][a-z0-9.-]*")
_ACCESS_POINT = re.compile(r"arn:aws[a-z-]*:s3:[a-z0-9-]+:[0-9]{12}:accesspoint[/:][a-z0-9-]+")
_REGION = re.compile(r"(?![0-9]+$)[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_REGION_OF_AWS = re.compile(r"[a-z]{2,5}(-[a-z]+)+-[0-9]{1,2}|aws-global")
_LABEL = r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)"
_HOST = re.compile(rf"({_LABEL}\.)*{_LABEL}")
# Hosts of stores that don't begin with a bucket's name.
_SERVICE = re.compile(
    r"(s3|minio|storage|objects?|oss|obs|cos)[a-z0-9-]*\..+|localhost|[0-9.]+"
    r"|.+\.(r2\.cloudflarestorage|digitaloceanspaces|backblazeb2|wasabisys|linodeobjects|vultrobjects|your-objectstorage)\.com"
)
# Stores under a path, such as Supabase's /storage/v1/s3.
_PATH_OF_A_STORE = "s3"
_DEVICE = re.compile(r"auto|cpu|cuda(:[0-9]{1,3})?")
_LONGEST_PREFIX = 512
_PAIR_EXAMPLE = "AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}.*")
_NO_FOLDER = re.compile(r"[;:|*?<>\[\]{}()\"'`]")
_PAIRS = (("aws_access_key_id", "aws_secret_access_key"), ("bucket_access_key_id", "bucket_secret_access_key"))


def bucket_name(value: str) -> str:
    """Check a bucket's name. Raises ValueError."""
    scheme, _, rest = value.rpartition("://")
    name, _, prefix = rest.strip("/").partition("/")
    if scheme.lower() in ("http", "https"):
        raise ValueError("is a URL: S3_BUCKET takes only the bucket's name, the store's URL goes into AWS_ENDPOINT_URL")
    if _ACCESS_POINT.fullmatch(value):
        return value
    if scheme or "/" in value:
        also = f" and S3_PREFIX={prefix}" if prefix else ""
        raise ValueError(f"is more than a bucket's name: set S3_BUCKET={name}{also}")
    if not _BUCKET.fullmatch(value) or ".." in value or _is_address(value):
        raise ValueError(
            "should be a bucket's name: at most 63 letters, digits, '-', '.' and '_', a letter or digit at both ends, no address"
        )
    return value


def prefix(value: str) -> str:
    """Check a folder inside the bucket, and strip slashes at its ends. Raises ValueError."""
    path = value.strip("/")
    if "://" in value:
        raise ValueError("is a URL: the bucket's name goes into S3_BUCKET, S3_PREFIX takes the folder inside it")
    if len(path.encode()) > _LONGEST_PREFIX:
        raise ValueError(f"should have at most {_LONGEST_PREFIX} bytes")
    try:
        return check_key(path) if path else ""
    except ValueError:
        raise ValueError("should be a folder's path: no '//', no '.' or '..' between slashes, no backslash") from None


def region(value: str) -> str:
    """Check a region's id. Raises ValueError."""
    if not _REGION.fullmatch(value):
        raise ValueError("should be a region's id: letters, digits and '-'")
    return value


def url_of_a_store(value: str) -> str:
    """Check an endpoint: scheme and host, perhaps port and path. Raises ValueError."""
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        raise ValueError("is not a URL: its port or its address is wrong") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("should be a URL that begins with https:// or http://, and the store's host")
    if "@" in parts.netloc:
        raise ValueError("holds credentials: they go into AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
    if "?" in value or "#" in value or re.search(r"\s", value):
        raise ValueError("should be only the store's address, without '?', '#' and spaces")
    if port == 0 or parts.netloc.endswith(":") or not (_HOST.fullmatch(parts.hostname) or ":" in parts.hostname):
        raise ValueError("should name a host of letters, digits, '-' and '.', and a port of 1 to 65535 if any")
    return value


def without_bucket(value: str, bucket: str | None) -> str:
    """
    Remove the bucket's name from an endpoint; some stores' pages and RunPod's own upload helper put it there.

    Raises ValueError for any other path.
    """
    parts = urlsplit(value)
    path = [segment for segment in parts.path.split("/") if segment]
    if path and path[-1] == bucket:
        path = path[:-1]
    if path and bucket and path[-1] != _PATH_OF_A_STORE:
        raise ValueError(
            f"should end after the host: the bucket's name goes into S3_BUCKET (it is {bucket!r}), folders inside it go into S3_PREFIX"
        )
    return parts._replace(netloc=_host_alone(parts, bucket), path="".join(f"/{segment}" for segment in path)).geturl()


def _host_alone(parts: SplitResult, bucket: str | None) -> str:
    """Host and port; a leading bucket's name is removed if the rest is a store's host by itself."""
    beginning = f"{bucket}."
    rest = parts.netloc[len(beginning) :]
    host = rest.rsplit(":", 1)[0].lower()
    return (
        rest
        if bucket and parts.netloc.lower().startswith(beginning.lower()) and _SERVICE.fullmatch(host)
        else parts.netloc
    )


def at_aws(bucket: str, region_id: str, region_variable: str) -> None:
    """Raise ValueError if the store is AWS's own and can't have that bucket or region ('eu-west-1a' is a zone)."""
    if not _BUCKET_OF_AWS.fullmatch(bucket) and not _ACCESS_POINT.fullmatch(bucket):
        raise ValueError(
            f"S3_BUCKET is {bucket!r}, and an AWS bucket has only lower-case letters, digits, '-' and '.': "
            "correct it, or set AWS_ENDPOINT_URL if the store is not AWS"
        )
    if not _REGION_OF_AWS.fullmatch(region_id):
        raise ValueError(
            f"{region_variable} is {region_id!r}, which is not an AWS region: write it like {region_variable}=eu-west-1, "
            "or set AWS_ENDPOINT_URL if the store is not AWS"
        )


def half_a_pair(given: Container[str]) -> None:
    """Raise ValueError if only the id or only the secret of a key is among the names that were set."""
    for one_id, secret in _PAIRS:
        if (one_id in given) != (secret in given):
            there, missing = (one_id, secret) if one_id in given else (secret, one_id)
            raise ValueError(
                f"{there.upper()} is set and {missing.upper()} is not: set both, or neither (an example: {_PAIR_EXAMPLE})"
            )
    if "aws_session_token" in given and not any(one_id in given for one_id, _ in _PAIRS):
        raise ValueError(
            "AWS_SESSION_TOKEN is set without AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY: set all, or none "
            f"(an example: {_PAIR_EXAMPLE} AWS_SESSION_TOKEN=IQoJb3JpZ2luX2VjEXAMPLE)"
        )


def key_id(value: SecretStr) -> SecretStr:
    """Check the id of a key. Raises ValueError, without the id."""
    if not re.fullmatch(r"[!-~]+", value.get_secret_value()) or re.search(r"[,/=\"']", value.get_secret_value()):
        raise ValueError("should be only a key's id: letters, digits and signs, no spaces, ',', '/', '=' or quotes")
    return value


def secret_key(value: SecretStr) -> SecretStr:
    """Check a secret key. Raises ValueError, without the key."""
    if re.search(r"\s", value.get_secret_value()):
        raise ValueError("should be only a secret, without spaces")
    return value


def session_token(value: SecretStr) -> SecretStr:
    """Check a session token, which goes into a header. Raises ValueError, without the token."""
    if not re.fullmatch(r"[!-~]+", value.get_secret_value()):
        raise ValueError("should be only a token: letters, digits and signs, no spaces")
    return value


def folder(value: Path) -> Path:
    """Check that a folder exists at the path, or can be made. Raises ValueError."""
    try:
        there = next((one for one in (value, *value.parents) if one.exists()), value)
        is_blocked = there.exists() and not there.is_dir()
    except OSError as error:
        raise ValueError(f"can't be accessed ({error.strerror}): choose a folder that this user may enter") from None
    if is_blocked:
        raise ValueError("is a file, and a folder is needed" if there == value else "is below a file, not in a folder")
    return value


def folder_that_is_there(value: Path) -> Path:
    """Check that this process can write to the folder. Raises ValueError."""
    if not folder(value).is_dir():
        raise ValueError("names a folder that doesn't exist: make it, or leave the variable unset")
    if not os.access(value, os.W_OK | os.X_OK):
        raise ValueError("names a folder that this user may not write to")
    return value


def device(value: str) -> str:
    """Check a device's name; return it in lower case. Raises ValueError."""
    if not _DEVICE.fullmatch(value.lower()):
        raise ValueError("should be auto, cpu, cuda, or cuda:0 for the first GPU, cuda:1 for the second")
    return value.lower()


def name_or_path(value: str) -> str:
    """Check a name, or the path of a folder, and expand `~`. Raises ValueError."""
    return local_path(value)


def _is_address(value: str) -> bool:
    try:
        ip_address(value)
    except ValueError:
        return False
    return True


Bucket = Annotated[str, AfterValidator(bucket_name)]
Prefix = Annotated[str, AfterValidator(prefix)]
Region = Annotated[str, AfterValidator(region)]
Endpoint = Annotated[str, AfterValidator(url_of_a_store)]
KeyId = Annotated[SecretStr, AfterValidator(key_id)]
SecretKey = Annotated[SecretStr, AfterValidator(secret_key)]
SessionToken = Annotated[SecretStr, AfterValidator(session_token)]
Folder = Annotated[Path, AfterValidator(folder)]
FolderThatIsThere = Annotated[Path, AfterValidator(folder_that_is_there)]
Device = Annotated[str, AfterValidator(device)]
NameOrPath = Annotated[str, AfterValidator(name_or_path)]


def folders(value: object) -> object:
    """Split 'uploads, /inbox/' into ('uploads/', 'inbox/'). Raises ValueError for another separator, or an empty list."""
    if not isinstance(value, str):
        return value
    pieces = [one.strip() for one in value.removesuffix(",").split(",")]
    names = [one.strip("/") for one in pieces]
    for piece, name in zip(pieces, names, strict=True):
        if not name or _NO_FOLDER.search(name):
            raise ValueError(
                f"should be folders' names, separated by commas, without brackets, quotes and signs; {piece!r} is not one"
            )
    return tuple(f"{name}/" for name in names)


def none_of_ours(value: tuple[str, ...]) -> tuple[str, ...]:
    """Check that the service doesn't write to these folders. Raises ValueError."""
    for folder in value:
        try:
            check_key(f"{folder}x")
        except ValueError:
            raise ValueError(
                f"should be folders' paths, without '//', '.' or '..' between slashes; {folder!r} is not one"
            ) from None
        if folder.startswith(keys.OURS):
            raise ValueError(f"should name folders of recordings like 'uploads'; {folder!r} is the service's own")
    return value


def moment(value: object) -> object:
    """Check for a date with its time; a bare number would count seconds since 1970. Raises ValueError."""
    if isinstance(value, str) and not _MOMENT.fullmatch(value):
        raise ValueError("should be a date and a time with its zone")
    return value


AudioFolders = Annotated[tuple[str, ...], BeforeValidator(folders), AfterValidator(none_of_ours)]
Moment = Annotated[AwareDatetime, BeforeValidator(moment)]
