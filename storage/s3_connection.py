"""The connection to the bucket: the boto3 client with every option we rely on."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from botocore import exceptions as aws

from cloning.errors import StorageMisconfigured
from cloning.settings import Settings
from storage.s3_errors import translating
from storage.s3_replies import refuse_foreign, refusing_elsewhere

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

CONNECT_S = 10
REPLY_S = 60
_KEYS_FILE, _CONFIG_FILE = ("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials"), ("AWS_CONFIG_FILE", "~/.aws/config")
_OBJECT_LOCK_OPERATIONS = ("PutObject", "UploadPart")


def s3_client(settings: Settings, *, attempts: int = 5, reply_s: float = REPLY_S) -> "S3Client":
    """
    Make a boto3 client with explicit options; `attempts` includes the first.

    If the settings have no credentials, boto3 looks for them outside the environment. Stores that are not AWS reject or mangle
    the newer checksums, and have no host name per bucket. They get a Content-MD5, which all of them know and which a bucket with
    a default retention (object lock) demands. A whole reply, head and body, may take `reply_s` seconds of waiting, and longer as
    its bytes need; the same holds for all tries of a call together (`s3_deadline`).
    """
    import boto3
    from botocore.config import Config
    from botocore.session import get_session

    custom = settings.aws_endpoint_url is not None
    checksums: Any = "when_required" if custom else "when_supported"
    config = Config(
        signature_version="s3v4",
        s3={"addressing_style": "path" if custom else "auto"},
        request_checksum_calculation=checksums,
        response_checksum_validation=checksums,
        retries={"mode": "standard", "total_max_attempts": attempts},
        connect_timeout=CONNECT_S,
        read_timeout=reply_s,
        max_pool_connections=32,
    )
    core: Any = get_session()
    with translating("connect"), _explaining(core):
        core.set_config_variable("ignore_configured_endpoint_urls", value=True)
        core.get_component("credential_provider").remove("env")  # Settings has read it: blank variables are unset
        url = settings.aws_endpoint_url or core.get_scoped_config().get("endpoint_url")
        session: Any = boto3.Session(botocore_session=core, region_name=settings.aws_region, **settings.credentials())
        client: S3Client = session.client("s3", endpoint_url=url, config=config)
    _listen(client, settings, reply_s)
    return client


@contextmanager
def _explaining(core: Any) -> Iterator[None]:
    """Turn errors in boto3's own files and profiles into StorageMisconfigured, with the variable to correct."""
    try:
        yield
    except aws.ProfileNotFound as error:
        raise StorageMisconfigured(
            f"AWS_PROFILE or AWS_DEFAULT_PROFILE names the profile {error.kwargs['profile']!r}, and boto3's files (AWS_CONFIG_FILE, "
            "AWS_SHARED_CREDENTIALS_FILE) have no profile of that name: correct it, or leave it unset (an example: AWS_PROFILE=default)"
        ) from error
    except aws.ConfigParseError as error:
        of_keys = str(error.kwargs["path"]) == os.path.expanduser(str(core.get_config_variable("credentials_file")))  # noqa: PTH111 - as boto3 does
        variable, usual = _KEYS_FILE if of_keys else _CONFIG_FILE
        raise StorageMisconfigured(
            f"the file that {variable} names (unset: {usual}) is damaged: it should hold lines like [default] and "
            f"aws_access_key_id = ...; correct it, or name another (an example: {variable}={usual})"
        ) from error
    except aws.PartialCredentialsError as error:
        raise StorageMisconfigured(
            f"boto3 found half a pair of keys ({error.kwargs['provider']}): {error.kwargs['cred_var']} is missing there; "
            "complete it, or set both AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        ) from error
    except (aws.BotoCoreError, ValueError, OSError) as error:
        if isinstance(error, ValueError) and str(error).startswith("Invalid endpoint"):
            raise StorageMisconfigured("AWS_ENDPOINT_URL is not a URL such as https://s3.example.com") from error
        raise StorageMisconfigured(
            f"boto3 can't set up its connection ({type(error).__name__}: {error}): correct what it names, in a variable AWS_... or in the "
            "file that AWS_CONFIG_FILE names (unset: ~/.aws/config)"
        ) from error


def _listen(client: Any, settings: Settings, reply_s: float) -> None:
    """Register our handlers of botocore's events."""
    from botocore.utils import conditionally_calculate_md5

    from storage.s3_deadline import limit_calls, limit_replies

    events = client.meta.events
    events.register_first("needs-retry.s3", refusing_elsewhere(settings.aws_region, settings.aws_endpoint_url))
    events.register("before-parse.s3", refuse_foreign)
    if settings.aws_endpoint_url is not None:
        for operation in _OBJECT_LOCK_OPERATIONS:
            events.register(f"before-call.s3.{operation}", conditionally_calculate_md5)
    limit_replies(client)
    limit_calls(client, reply_s)
