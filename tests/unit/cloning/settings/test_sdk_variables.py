"""The variables that boto3 and RunPod's SDK read by themselves follow the same rules as our settings."""

import os
from pathlib import Path

import pytest

from cloning.settings.sdk_variables import tidy_environment


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment with a bucket, so that boto3 will read it."""
    monkeypatch.setattr(os, "environ", {"S3_BUCKET": "my-bucket"})
    return monkeypatch


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("AWS_DEFAULTS_MODE", "fast", "should be one of"),
        ("AWS_STS_REGIONAL_ENDPOINTS", "x", "should be one of"),
        ("AWS_RETRY_MODE", "'standard'", "has quotes around it"),
        ("AWS_METADATA_SERVICE_TIMEOUT", "1s", "without a unit"),
        ("AWS_MAX_ATTEMPTS", "0", "at least 1"),
        ("AWS_CSM_PORT", "99999", "from 1 to 65535"),
        ("AWS_USE_FIPS_ENDPOINT", "maybe", "true or false"),
        ("AWS_CONFIG_FILE", "/no/such/file", "doesn't name an existing file"),
        ("AWS_SHARED_CREDENTIALS_FILE", "/etc", "doesn't name an existing file"),
        ("AWS_CA_BUNDLE", "/no/such/file", "doesn't name an existing file or folder"),
        ("AWS_ROLE_ARN", "worker", "a role's ARN"),
        ("AWS_PROFILE", "$PROFILE", "refers to another variable"),
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "169.254.170.23/x", "a URL"),
        ("HTTPS_PROXY", "http://proxy:port", "a proxy's URL"),
        ("RUNPOD_PING_INTERVAL", "10s", "at least 1000"),
        ("RUNPOD_REALTIME_PORT", "x", "from 0 to 65535"),
        ("RUNPOD_REALTIME_CONCURRENCY", "0", "at least 1"),
        ("RUNPOD_MIN_MEMORY_GB", "4GB", "without a unit"),
        ("RUNPOD_GPU_TEST_TIMEOUT", "30.5", "whole number"),
        ("RUNPOD_MIN_CUDA_VERSION", "newest", "a version"),
        ("RUNPOD_SKIP_GPU_CHECK", "if possible", "true or false"),
        ("RUNPOD_LOG_LEVEL", "loud", "should be one of"),
        ("RUNPOD_DEBUG_LEVEL", "7", "should be one of"),
    ],
)
def test_a_wrong_value_is_told_by_the_variable_that_was_set(
    environment: pytest.MonkeyPatch, name: str, value: str, says: str
) -> None:
    """A wrong value is reported under the variable that was set, with what is wrong and an example."""
    environment.setitem(os.environ, name, value)

    with pytest.raises(ValueError, match=name) as refused:
        tidy_environment()

    assert says in str(refused.value)
    assert f"an example: {name}=" in str(refused.value)


def test_every_wrong_value_is_told_at_once(environment: pytest.MonkeyPatch) -> None:
    """Every wrong value is reported at once, so that one start shows all of them."""
    environment.setitem(os.environ, "AWS_RETRY_MODE", "x")
    environment.setitem(os.environ, "RUNPOD_PING_INTERVAL", "y")

    with pytest.raises(ValueError, match=r"RUNPOD_PING_INTERVAL.*; AWS_RETRY_MODE"):
        tidy_environment()


@pytest.mark.parametrize(
    ("name", "value", "read"),
    [
        ("RUNPOD_LOG_LEVEL", "INFO ", "INFO"),
        ("RUNPOD_LOG_LEVEL", "warn\n", "WARN"),
        ("RUNPOD_PING_INTERVAL", " ", None),
        ("AWS_PROFILE", "", None),
        ("AWS_EC2_METADATA_DISABLED", "1", "true"),
        ("AWS_DEFAULTS_MODE", "Standard", "standard"),
        ("AWS_CONFIG_FILE", "/dev/null", "/dev/null"),
        ("HTTPS_PROXY", "http://user:word@proxy.example.com:3128", "http://user:word@proxy.example.com:3128"),
        ("NO_PROXY", " as it came ", " as it came "),
    ],
)
def test_a_value_is_read_as_one_of_ours(
    environment: pytest.MonkeyPatch, name: str, value: str, read: str | None
) -> None:
    """White space is stripped, blank is unset, words have no case, and the SDK finds the values in its own form."""
    environment.setitem(os.environ, name, value)

    tidy_environment()

    assert os.environ.get(name) == read


def test_a_role_needs_its_token_and_a_token_its_role(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A role without its token, or a token without its role, is refused with the missing one's name."""
    (tmp_path / "token").write_text("t")
    environment.setitem(os.environ, "AWS_WEB_IDENTITY_TOKEN_FILE", str(tmp_path / "token"))

    with pytest.raises(ValueError, match="AWS_ROLE_ARN is not: set both"):
        tidy_environment()


def test_without_a_bucket_nothing_of_boto3s_matters(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a bucket boto3's variables don't matter, such as a developer's profile."""
    monkeypatch.setattr(os, "environ", {"AWS_PROFILE": "'mine'", "AWS_RETRY_MODE": "x", "RUNPOD_LOG_LEVEL": "info"})

    tidy_environment()

    assert os.environ["AWS_RETRY_MODE"] == "x"
