"""Buckets, prefixes, regions, endpoints and keys as people write them: read correctly, or refused with what to set."""

import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from cloning.requests.problems import of_settings
from cloning.settings import Settings
from cloning.settings.variables import misspelt

STORE = "https://s3.example.com"


def told(monkeypatch: pytest.MonkeyPatch, **variables: str) -> str:
    """The reason why the variables are refused; empty if they aren't."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    try:
        Settings()
    except ValidationError as error:
        return of_settings(error)
    return ""


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("s3://tts", "set S3_BUCKET=tts "),
        ("s3://tts/prod/x/", "set S3_BUCKET=tts and S3_PREFIX=prod/x "),
        ("tts/prod", "set S3_BUCKET=tts and S3_PREFIX=prod "),
        ("tts/", "set S3_BUCKET=tts "),
        ("https://tts.s3.amazonaws.com", "the store's URL goes into AWS_ENDPOINT_URL"),
        ("arn:aws:s3:::tts", "a bucket's name"),
        ("my bucket", "a bucket's name"),
        ("-tts", "a bucket's name"),
        ("tts-", "a bucket's name"),
        ("t..s", "a bucket's name"),
        ("t" * 64, "a bucket's name"),
        ("192.168.0.1", "no address"),
        ("b\u00fccher", "a bucket's name"),
        ("TTS", "lower-case letters"),
        ("my_bucket", "set AWS_ENDPOINT_URL if the store is not AWS"),
        ("$BUCKET", "refers to another variable"),
    ],
)
def test_what_is_no_buckets_name_is_refused(value: str, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A value that is no bucket's name is refused, and the message says where the rest of it belongs."""
    problem = told(monkeypatch, S3_BUCKET=value)

    assert problem.startswith("S3_BUCKET ")
    assert says in problem


@pytest.mark.parametrize(
    ("value", "endpoint"),
    [
        ("my-bucket.v2", None),
        ("arn:aws:s3:eu-west-1:123456789012:accesspoint/tts", None),
        ("My_Bucket", STORE),
        ("agv6w2qcg7", "https://s3api-eu-ro-1.runpod.io/"),
    ],
)
def test_every_stores_own_names_pass(value: str, endpoint: str | None) -> None:
    """With another store than AWS, names with capitals and underscores are accepted."""
    assert Settings(s3_bucket=value, aws_endpoint_url=endpoint).s3_bucket == value


@pytest.mark.parametrize("value", ["tts//prod", "./tts", "tts/../x", "s3://tts/x", "tts\\prod", "x" * 600])
def test_a_prefix_that_no_key_can_have_is_refused(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A prefix that can't be part of a key is refused at the start; otherwise every write would fail like a bug."""
    assert told(monkeypatch, S3_PREFIX=value).startswith("S3_PREFIX ")


@pytest.mark.parametrize(("value", "read"), [("/tts/prod/", "tts/prod"), ("tts", "tts"), ("/", ""), ("//", "")])
def test_slashes_at_a_prefixs_ends_are_taken_off(value: str, read: str) -> None:
    """Slashes at either end of a prefix are removed."""
    assert Settings(s3_prefix=value).s3_prefix == read


@pytest.mark.parametrize(
    ("value", "read"),
    [
        (f"{STORE}/tts", STORE),
        (f"{STORE}/tts/", STORE),
        (f"{STORE}//tts", STORE),
        (f"{STORE}/", STORE),
        ("http://127.0.0.1:9000/tts", "http://127.0.0.1:9000"),
        ("https://tts.s3.eu-west-1.amazonaws.com", "https://s3.eu-west-1.amazonaws.com"),
        ("https://tts.s3.eu-west-1.amazonaws.com/tts", "https://s3.eu-west-1.amazonaws.com"),
        ("https://tts.s3-us-west-2.amazonaws.com", "https://s3-us-west-2.amazonaws.com"),
        ("https://TTS.nyc3.digitaloceanspaces.com", "https://nyc3.digitaloceanspaces.com"),
        ("https://0a1b.r2.cloudflarestorage.com/tts", "https://0a1b.r2.cloudflarestorage.com"),
        ("https://tts.0a1b.r2.cloudflarestorage.com", "https://0a1b.r2.cloudflarestorage.com"),
        ("https://tts.storage.googleapis.com", "https://storage.googleapis.com"),
        ("http://tts.localhost:9000", "http://localhost:9000"),
        ("https://ref.supabase.co/storage/v1/s3", "https://ref.supabase.co/storage/v1/s3"),
        ("https://ref.supabase.co/storage/v1/s3/tts", "https://ref.supabase.co/storage/v1/s3"),
        ("https://tts.example.com", "https://tts.example.com"),  # a host that happens to begin like the bucket
        ("https://ttsx.s3.example.com", "https://ttsx.s3.example.com"),
        ("http://[::1]:9000", "http://[::1]:9000"),
        ("http://minio:9000", "http://minio:9000"),
    ],
)
@pytest.mark.parametrize("variable", ["AWS_ENDPOINT_URL", "BUCKET_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"])
def test_the_buckets_name_in_an_endpoint_is_taken_out(
    variable: str, value: str, read: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bucket's name is removed from an endpoint, as a path or as the host's first part; a host that itself has that name stays."""
    monkeypatch.setenv("S3_BUCKET", "tts")
    monkeypatch.setenv(variable, value)

    assert Settings().aws_endpoint_url == read


@pytest.mark.parametrize(
    "value",
    [
        f"{STORE}/other",
        f"{STORE}/tts/prod",
        f"{STORE}?x=1",
        f"{STORE}#x",
        "https://key:secret-17@s3.example.com",
        "key:secret-17@s3.example.com",
        "s3.example.com:9000",
        "//s3.example.com",
        "ftp://s3.example.com",
        "s3://tts",
        "https://",
        "https://s3.example.com:0",
        "https://s3.example.com:",
        "https://s3.example.com:port",
        "https://s3.example.com:70000",
        "https://s3 .example.com",
        "https://s3_x.example.com",
        "https://[::1",
        "https:s3.example.com",
        "https://https://s3.example.com",
    ],
)
@pytest.mark.parametrize("variable", ["AWS_ENDPOINT_URL", "BUCKET_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"])
def test_what_is_no_address_of_a_store_is_refused(variable: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An endpoint that is no store's address is refused by the name that was set, without the credentials in it."""
    problem = told(monkeypatch, S3_BUCKET="tts", **{variable: value})

    assert problem.startswith(f"{variable} ")
    assert "secret-17" not in problem


@pytest.mark.parametrize(
    ("value", "endpoint"),
    [("us-east-1a", ""), ("Ireland", ""), ("EU-RO-1", ""), ("auto", ""), ("us east", STORE), ("eu_west_1", STORE), ("1", STORE), ("-x", STORE)],
)  # fmt: skip
@pytest.mark.parametrize("variable", ["AWS_REGION", "AWS_DEFAULT_REGION"])
def test_what_is_no_region_is_refused(
    variable: str, value: str, endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A zone or a region's long name is refused by the variable that was set."""
    assert told(monkeypatch, S3_BUCKET="tts", AWS_ENDPOINT_URL=endpoint, **{variable: value}).startswith(variable)


@pytest.mark.parametrize(
    ("value", "endpoint"),
    [("eu-west-1", None), ("us-gov-east-1", None), ("eusc-de-east-1", None), ("auto", STORE), ("EU-RO-1", STORE), ("us-west-004", STORE)],
)  # fmt: skip
def test_every_stores_own_regions_pass(value: str, endpoint: str | None) -> None:
    """Regions of AWS, Cloudflare, RunPod and Backblaze are accepted."""
    assert Settings(s3_bucket="tts", aws_region=value, aws_endpoint_url=endpoint).aws_region == value


@pytest.mark.parametrize("family", ["AWS", "BUCKET"])
@pytest.mark.parametrize(
    ("one", "other"), [("ACCESS_KEY_ID", "SECRET_ACCESS_KEY"), ("SECRET_ACCESS_KEY", "ACCESS_KEY_ID")]
)
def test_half_of_a_pair_of_keys_is_refused(family: str, one: str, other: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a pair of keys is refused with both names of its family; a blank half is missing."""
    problem = told(monkeypatch, **{f"{family}_{one}": "value-17", f"{family}_{other}": " \n"})

    assert problem.startswith(f"{family}_{one} is set and {family}_{other} is not")
    assert "17" not in problem


@pytest.mark.parametrize("value", ["key id", "key,id", "key/id", "AWS_ACCESS_KEY_ID=key", "schl\u00fcssel"])
def test_what_is_no_keys_id_is_refused_unseen(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A malformed key id is refused without being shown: it goes into a header, which would fail before the store sees it."""
    problem = told(monkeypatch, AWS_ACCESS_KEY_ID=value, AWS_SECRET_ACCESS_KEY="s")

    assert problem.startswith("AWS_ACCESS_KEY_ID ")
    assert value not in problem


def test_home_is_expanded_in_paths(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """`~` is expanded in paths, and in values that may be a path or a name."""
    monkeypatch.setenv("HOME", str(tmp_path))

    settings = Settings(data_dir="~/d", model_cache_dir="~", vocoder_path="~/v", checkpoint="~/c", asr_model="~/w")

    assert [settings.data_dir, settings.model_cache_dir, settings.vocoder_path] == [tmp_path / "d", tmp_path, tmp_path / "v"]  # fmt: skip
    assert [settings.checkpoint, settings.asr_model] == [f"{tmp_path}/c", f"{tmp_path}/w"]


@pytest.mark.parametrize("variable", ["DATA_DIR", "MODEL_CACHE_DIR", "VOCODER_PATH", "TMPDIR"])
@pytest.mark.parametrize("value", ["{file}", "~nobody-of-this-name/x", "s3://tts/x", "$HOME/x", "{long}"])
def test_what_can_be_no_folder_is_refused(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A file, an unknown home, a URL, an unexpanded variable or too long a name is refused as a folder."""
    (tmp_path / "file").touch()
    filled = value.format(file=tmp_path / "file", long="x" * 300)

    assert told(monkeypatch, **{variable: filled}).startswith(f"{variable} ")


def test_a_folder_for_temporary_files_must_be_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """TMPDIR must exist, because Python would silently use another folder."""
    assert "doesn't exist" in told(monkeypatch, TMPDIR=str(tmp_path / "absent"))
    assert told(monkeypatch, TMPDIR=f"{tmp_path}\n") == ""


@pytest.mark.parametrize(
    ("variable", "value", "read"),
    [("LOG_LEVEL", "warning", "WARNING"), ("DEVICE", "CUDA:1", "cuda:1"), ("SAMPLER", "Fast", "fast"), ("ENGINE", "F5", "f5"), ("REQUIRE_CONSENT", "FALSE", False), ("CHECKPOINT_DTYPE", "FP16", "fp16")],
)  # fmt: skip
def test_words_of_a_fixed_set_are_matched_whatever_their_case(
    variable: str, value: str, read: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Words of a fixed set are matched in any case."""
    monkeypatch.setenv(variable, value)

    assert getattr(Settings(), variable.lower()) == read


def test_variables_that_are_nearly_ours_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable whose name is nearly a setting's is reported, since nothing else would show the mistake."""
    for name in list(os.environ):
        monkeypatch.delenv(name)
    for name in ("S3_BUKET", "MODEL_CACHEDIR", "CHECKPOIN", "AWS_ACCESS_KEY", "PATH", "RUNPOD_POD_IDS", "AWS_ENDPOINT_URL_STS", "HOME", "S3_PREFIX"):  # fmt: skip
        monkeypatch.setenv(name, "x")

    assert misspelt(Settings) == {
        "S3_BUKET": "S3_BUCKET",
        "MODEL_CACHEDIR": "MODEL_CACHE_DIR",
        "CHECKPOIN": "CHECKPOINT",
        "AWS_ACCESS_KEY": "AWS_ACCESS_KEY_ID",
    }


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("AWS_CREDENTIAL_EXPIRATION", "2026", "a date and a time"),
        ("AWS_CREDENTIAL_EXPIRATION", "1764000000", "a date and a time"),
        ("DATA_DIR", "/etc/passwd/x", "is below a file"),
        ("CHECKPOINT", "CHECKPOINT=mine", "includes a variable's name"),
        ("S3_PREFIX", "export S3_PREFIX=tts", "includes a variable's name"),
    ],
)
def test_what_was_set_by_a_slip_is_told(monkeypatch: pytest.MonkeyPatch, variable: str, value: str, says: str) -> None:
    """A bare year, a folder below a file, or a whole line with the variable's name is refused."""
    monkeypatch.setenv(variable, value)

    with pytest.raises(ValidationError, match=says):
        Settings()


def test_half_a_pair_is_told_with_an_example(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a pair is refused with an example that has both names."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY", raising=False)

    with pytest.raises(ValidationError, match=r"an example: AWS_ACCESS_KEY_ID=.* AWS_SECRET_ACCESS_KEY="):
        Settings()
