"""
Environment variables that boto3 and RunPod's SDK read by themselves, first checked by our own rules.

Blank variables are removed from the environment, white space at the ends is stripped, words and booleans are written as the SDK
expects them. Values that would break the SDK, or that it would silently misread, are refused by name.
"""

import os
import re
from collections.abc import Callable, Iterator, MutableMapping
from dataclasses import dataclass
from pathlib import Path

from cloning.settings.variables import checked_text, local_path, tidied

_TRUE, _FALSE = frozenset(["true", "1", "yes", "on", "t", "y"]), frozenset(["false", "0", "no", "off", "f", "n"])
_NUMBER = re.compile(r"[0-9]{1,15}(\.[0-9]{1,15})?")
_URL = re.compile(r"https?://[^\s/?#@]+(/\S*)?", re.IGNORECASE)
_PROXY = re.compile(r"([a-z][a-z0-9+.-]*://)?(\S+@)?(\[[0-9a-f:]+\]|[\w.-]+)(:[0-9]{1,5})?/?", re.IGNORECASE)
_ROLE = re.compile(r"arn:[a-z-]+:iam::[0-9]{12}:role/\S+")
_VERSION = re.compile(r"[0-9]+(\.[0-9]+)*")
_BUCKET = "S3_BUCKET"
_SHOWN = 40

Read = Callable[[str], str]  # returns the value as the SDK expects it; raises ValueError, which says what it should be


@dataclass(frozen=True)
class _Kind:
    """A kind of variable: how its values are read, an example, and whether they are secret."""

    read: Read
    example: str
    is_secret: bool = False


def tidy_environment() -> None:
    """Normalise the SDKs' variables. Raises ValueError, which names each invalid one."""
    if problems := list(_problems(os.environ)):
        raise ValueError("; ".join(problems))


def _problems(environment: MutableMapping[str, str]) -> Iterator[str]:
    uses_bucket = bool(tidied(environment.get(_BUCKET, "")))
    for name, kind in (_RUNPOD | _OF_THE_BUCKET if uses_bucket else _RUNPOD).items():
        if name in environment:
            value = tidied(environment.pop(name))
            try:
                environment.update({name: kind.read(checked_text(value, secret=kind.is_secret))} if value else {})
            except ValueError as error:
                got = "" if kind.is_secret else f"got {_shown(value)}, "
                yield f"{name} {error} ({got}an example: {name}={kind.example})"
    if uses_bucket:
        yield from _role(environment)


def _role(environment: MutableMapping[str, str]) -> Iterator[str]:
    if "AWS_WEB_IDENTITY_TOKEN_FILE" in environment and "AWS_ROLE_ARN" not in environment:
        example = _OF_THE_BUCKET["AWS_ROLE_ARN"].example
        yield f"AWS_WEB_IDENTITY_TOKEN_FILE is set and AWS_ROLE_ARN is not: set both, or neither (an example: AWS_ROLE_ARN={example})"


def _shown(value: str) -> str:
    return repr(value) if len(value) <= _SHOWN else f"{value[:_SHOWN]!r}... ({len(value)} characters)"


def _number(least: float, most: float = 1e12, *, whole: bool = True) -> Read:
    def read(value: str) -> str:
        fits = _NUMBER.fullmatch(value) and least <= float(value) <= most and not (whole and "." in value)
        if not fits:
            kind = "whole number" if whole else "number"
            limit = f"of at least {least:g}" if most >= 1e12 else f"from {least:g} to {most:g}"  # noqa: PLR2004 - no limit
            raise ValueError(f"should be a plain {kind} {limit}, without a unit")
        return value

    return read


def _word(*words: str) -> Read:
    def read(value: str) -> str:
        if (found := next((word for word in words if word.lower() == value.lower()), None)) is None:
            raise ValueError(f"should be one of {', '.join(words)}")
        return found

    return read


def _boolean(value: str) -> str:
    if value.lower() not in _TRUE | _FALSE:
        raise ValueError("should be true or false")
    return "true" if value.lower() in _TRUE else "false"


def _matching(pattern: re.Pattern[str], what: str) -> Read:
    def read(value: str) -> str:
        if not pattern.fullmatch(value):
            raise ValueError(f"should be {what}")
        return value

    return read


def _file(value: str) -> str:
    path = Path(local_path(value))
    if not path.exists() or path.is_dir():  # /dev/null is one
        raise ValueError("doesn't name an existing file: correct the path, or leave the variable unset")
    if not os.access(path, os.R_OK):
        raise ValueError("names a file that this user may not read")
    return str(path)


def _certificates(value: str) -> str:
    path = Path(local_path(value))
    if not path.exists():
        raise ValueError("doesn't name an existing file or folder: correct the path, or leave the variable unset")
    return str(path)


_SWITCH = _Kind(_boolean, "true")
_ADDRESS = _matching(_URL, "a URL that begins with http:// or https://")
_LEVEL = _Kind(_word("NOTSET", "TRACE", "DEBUG", "INFO", "WARN", "ERROR"), "INFO")
_CHECKSUMS = _Kind(_word("when_supported", "when_required"), "when_required")
_PROXY_URL = _Kind(_matching(_PROXY, "a proxy's URL: host and port"), "http://proxy.example.com:3128", is_secret=True)

_RUNPOD = {
    "RUNPOD_LOG_LEVEL": _LEVEL,
    "RUNPOD_DEBUG_LEVEL": _LEVEL,
    "RUNPOD_PING_INTERVAL": _Kind(_number(1000), "10000"),  # ms; less is a loop without a pause
    "RUNPOD_REALTIME_PORT": _Kind(_number(0, 65_535), "8000"),
    "RUNPOD_REALTIME_CONCURRENCY": _Kind(_number(1), "1"),
    "RUNPOD_GPU_TEST_TIMEOUT": _Kind(_number(1), "30"),
    "RUNPOD_GPU_MAX_ERROR_MESSAGES": _Kind(_number(1), "10"),
    "RUNPOD_MIN_MEMORY_GB": _Kind(_number(0, whole=False), "4.0"),
    "RUNPOD_MIN_DISK_PERCENT": _Kind(_number(0, 100, whole=False), "10.0"),
    "RUNPOD_MIN_CUDA_VERSION": _Kind(_matching(_VERSION, "a version"), "11.8"),
    "RUNPOD_NETWORK_CHECK_TIMEOUT": _Kind(_number(1), "5"),
    "RUNPOD_GPU_BENCHMARK_TIMEOUT": _Kind(_number(1), "2"),
    "RUNPOD_MAX_DOWNLOAD_BYTES": _Kind(_number(1), "104857600"),
    "RUNPOD_ALLOW_PRIVATE_DOWNLOAD_URLS": _SWITCH,
    "RUNPOD_SKIP_AUTO_SYSTEM_CHECKS": _SWITCH,
    "RUNPOD_SKIP_GPU_CHECK": _SWITCH,
    "RUNPOD_BINARY_GPU_TEST_PATH": _Kind(_file, "/usr/local/bin/gpu_test"),
    "RUNPOD_ENDPOINT_BASE_URL": _Kind(_ADDRESS, "https://api.runpod.ai/v2"),
    "UVICORN_LOG_LEVEL": _Kind(_word("critical", "error", "warning", "info", "debug", "trace"), "info"),
}
_NAME = re.compile(r"[^\x00-\x1f]{1,256}")
_OF_THE_BUCKET = {
    "AWS_PROFILE": _Kind(_matching(_NAME, "a profile's name"), "default"),
    "AWS_DEFAULT_PROFILE": _Kind(_matching(_NAME, "a profile's name"), "default"),
    "AWS_CONFIG_FILE": _Kind(_file, "~/.aws/config"),
    "AWS_SHARED_CREDENTIALS_FILE": _Kind(_file, "~/.aws/credentials"),
    "AWS_CREDENTIAL_FILE": _Kind(_file, "~/.aws/credentials"),
    "BOTO_CONFIG": _Kind(_file, "/etc/boto.cfg"),
    "AWS_CA_BUNDLE": _Kind(_certificates, "/etc/ssl/certs/ca-certificates.crt"),
    "REQUESTS_CA_BUNDLE": _Kind(_certificates, "/etc/ssl/certs/ca-certificates.crt"),
    "AWS_ROLE_ARN": _Kind(_matching(_ROLE, "a role's ARN"), "arn:aws:iam::123456789012:role/worker"),
    "AWS_ROLE_SESSION_NAME": _Kind(
        _matching(re.compile(r"[\w+=,.@-]{2,64}"), "2 to 64 letters, digits and '+=,.@-'"), "worker"
    ),
    "AWS_WEB_IDENTITY_TOKEN_FILE": _Kind(_file, "/var/run/secrets/token"),
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": _Kind(
        _matching(re.compile(r"/\S*"), "a path that begins with '/'"), "/v2/credentials/1"
    ),
    "AWS_CONTAINER_CREDENTIALS_FULL_URI": _Kind(_ADDRESS, "http://169.254.170.23/v1/credentials"),
    "AWS_CONTAINER_AUTHORIZATION_TOKEN": _Kind(
        _matching(re.compile("[ -~]+"), "a token on one line"), "token", is_secret=True
    ),
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": _Kind(_file, "/var/run/secrets/token"),
    "AWS_METADATA_SERVICE_TIMEOUT": _Kind(_number(1), "1"),
    "AWS_METADATA_SERVICE_NUM_ATTEMPTS": _Kind(_number(1), "1"),
    "AWS_EC2_METADATA_SERVICE_ENDPOINT": _Kind(_ADDRESS, "http://169.254.169.254"),
    "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE": _Kind(_word("IPv4", "IPv6"), "IPv4"),
    "AWS_EC2_METADATA_DISABLED": _SWITCH,
    "AWS_EC2_METADATA_V1_DISABLED": _SWITCH,
    "AWS_IMDS_USE_IPV6": _SWITCH,
    "AWS_USE_DUALSTACK_ENDPOINT": _SWITCH,
    "AWS_USE_FIPS_ENDPOINT": _SWITCH,
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": _SWITCH,
    "AWS_DISABLE_REQUEST_COMPRESSION": _SWITCH,
    "AWS_DISABLE_HOST_PREFIX_INJECTION": _SWITCH,
    "AWS_S3_DISABLE_EXPRESS_SESSION_AUTH": _SWITCH,
    "AWS_S3_USE_ARN_REGION": _SWITCH,
    "AWS_S3_DISABLE_MULTIREGION_ACCESS_POINTS": _SWITCH,
    "AWS_S3_US_EAST_1_REGIONAL_ENDPOINT": _Kind(_word("legacy", "regional"), "regional"),
    "AWS_STS_REGIONAL_ENDPOINTS": _Kind(_word("legacy", "regional"), "regional"),
    "AWS_CSM_ENABLED": _SWITCH,
    "AWS_CSM_PORT": _Kind(_number(1, 65_535), "31000"),
    "BOTOCORE_TCP_KEEPALIVE": _SWITCH,
    "BOTO_DISABLE_CRT": _SWITCH,
    "AWS_ENDPOINT_DISCOVERY_ENABLED": _Kind(_word("auto", "true", "false"), "auto"),
    "AWS_RETRY_MODE": _Kind(_word("legacy", "standard", "adaptive"), "standard"),
    "AWS_MAX_ATTEMPTS": _Kind(_number(1), "5"),
    "AWS_DEFAULTS_MODE": _Kind(_word("legacy", "auto", "standard", "in-region", "cross-region", "mobile"), "standard"),
    "AWS_SDK_UA_APP_ID": _Kind(
        _matching(re.compile(r"[\w!$%&*+.^`|~-]{1,50}"), "at most 50 letters, digits and signs"), "tts"
    ),
    "AWS_REQUEST_MIN_COMPRESSION_SIZE_BYTES": _Kind(_number(0, 10_485_760), "10240"),
    "AWS_REQUEST_CHECKSUM_CALCULATION": _CHECKSUMS,
    "AWS_RESPONSE_CHECKSUM_VALIDATION": _CHECKSUMS,
    "AWS_ACCOUNT_ID_ENDPOINT_MODE": _Kind(_word("preferred", "disabled", "required"), "preferred"),
    "HTTP_PROXY": _PROXY_URL,
    "HTTPS_PROXY": _PROXY_URL,
    "http_proxy": _PROXY_URL,
    "https_proxy": _PROXY_URL,
}
