"""Settings have the names that people already use; all problems are reported at once, and secrets never shown."""

import pytest
from pydantic import ValidationError

from cloning.settings import Settings


def test_a_bare_machine_needs_no_settings() -> None:
    """Without settings the folder ./data takes the bucket's place."""
    settings = Settings()

    assert (settings.s3_bucket, str(settings.data_dir), settings.device) == (None, "data", "auto")


@pytest.mark.parametrize(
    "names",
    [
        ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
        ("BUCKET_ENDPOINT_URL", "BUCKET_ACCESS_KEY_ID", "BUCKET_SECRET_ACCESS_KEY"),
    ],
)
def test_both_families_of_names_are_read(names: tuple[str, str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """AWS's own names and RunPod's are both read."""
    for name, value in zip(names, ("https://s3.example.org", "key", "secret"), strict=True):
        monkeypatch.setenv(name, value)

    settings = Settings()

    assert settings.aws_endpoint_url == "https://s3.example.org"
    assert settings.aws_access_key_id is not None
    assert settings.aws_access_key_id.get_secret_value() == "key"


def test_the_endpoint_of_s3_alone_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """AWS_ENDPOINT_URL_S3 goes first, as in boto3, and addressing and checksums are set for such a store."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://all.example.org")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "https://s3.example.org")

    assert Settings().aws_endpoint_url == "https://s3.example.org"


def test_a_forgotten_bucket_is_known_on_runpod_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing bucket is noticed on RunPod only, by a variable that it sets in every serverless worker and the local endpoint leaves empty."""
    assert not Settings().is_bucket_forgotten
    monkeypatch.setenv("RUNPOD_ENDPOINT_ID", "ep1")

    assert Settings().is_bucket_forgotten
    assert not Settings(s3_bucket="b").is_bucket_forgotten
    monkeypatch.setenv("RUNPOD_ENDPOINT_ID", "")
    assert not Settings().is_bucket_forgotten


def test_an_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty variable counts as unset, because deployment forms leave fields empty."""
    monkeypatch.setenv("S3_BUCKET", "")
    monkeypatch.setenv("WORKER_CONCURRENCY", "")

    assert (Settings().s3_bucket, Settings().worker_concurrency) == (None, 2)


def test_secrets_are_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither repr nor str shows a secret."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key-id-17")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "very-secret-17")

    assert "-17" not in f"{Settings()} {Settings()!r}"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WORKER_CONCURRENCY", "0"),
        ("DEVICE", "gpu"),
        ("DEVICE", "mps"),
        ("MODEL_CACHE_MAX_GB", "inf"),
        ("AWS_ENDPOINT_URL", "notaurl"),
        ("AWS_ENDPOINT_URL", "s3.example.org"),
        ("AWS_ENDPOINT_URL", "s3://bucket"),
        ("BUCKET_ENDPOINT_URL", "https://"),
        ("BUCKET_ENDPOINT_URL", "https://s3.example.org:port"),
        ("LOG_LEVEL", "LOUD"),
        ("REQUIRE_CONSENT", "maybe"),
        ("AWS_ACCESS_KEY_ID", "alone"),
        ("BATCH_WAIT_MS", "501"),
    ],
)
def test_a_bad_setting_is_refused_at_start(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bad setting is refused at the start, before the worker takes jobs that it can't do."""
    monkeypatch.setenv(name, value)

    with pytest.raises(ValidationError):
        Settings()
