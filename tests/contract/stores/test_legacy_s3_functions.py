"""The four functions that older deployments import, on a real S3 server, configured by the environment alone."""

import logging
from pathlib import Path
from urllib.request import urlopen

import pytest

from s3_utils import S3Store, download_from_s3, s3_client, sync_models_from_s3, upload_models_to_s3, upload_to_s3
from tests.contract.conftest import keys_of
from tests.servers import Server


@pytest.fixture(autouse=True)
def _configured(monkeypatch: pytest.MonkeyPatch, server: Server, bucket: str) -> None:
    for name, value in server.environment(bucket).items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of model files."""
    root = tmp_path / "models"
    (root / "f5" / "v1").mkdir(parents=True)
    (root / "vocab.txt").write_text("a\nb\n")
    (root / "f5" / "v1" / "model.safetensors").write_bytes(bytes(range(256)) * 100)
    (root / "f5" / "empty").touch()
    return root


def tree(root: Path) -> dict[str, bytes]:
    """All files except the ledger."""
    files = [path for path in root.rglob("*") if path.is_file() and path.name != ".s3-sync.json"]
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in files}


def events(caplog: pytest.LogCaptureFixture) -> list[tuple[str, object]]:
    return [
        (record.getMessage(), getattr(record, "code", None)) for record in caplog.records if record.name == "s3_utils"
    ]


def test_an_upload_gives_a_url_that_reads_it(tmp_path: Path, s3_store: S3Store) -> None:
    """`upload_to_s3` returns a URL that anyone can read, and stores the object under its name."""
    (tmp_path / "x.wav").write_bytes(b"RIFF")

    url = upload_to_s3(str(tmp_path / "x.wav"), "output/x.wav")

    assert url is not None
    with urlopen(url, timeout=30) as reply:  # noqa: S310 - our own server's URL
        assert (reply.read(), reply.headers["Content-Type"]) == (b"RIFF", "audio/wav")
    assert keys_of(s3_store) == ["output/x.wav"]


def test_a_download_gives_its_path(tmp_path: Path, s3_store: S3Store) -> None:
    """`download_from_s3` returns the path that it was given, and creates the folder."""
    s3_store.put("voices/x.wav", b"RIFF", content_type="audio/wav")
    target = tmp_path / "new" / "x.wav"

    assert download_from_s3("voices/x.wav", str(target)) == str(target)
    assert target.read_bytes() == b"RIFF"


def test_a_tree_goes_up_and_comes_down(folder: Path, tmp_path: Path, s3_store: S3Store) -> None:
    """A tree that was uploaded from one folder arrives the same in another, with empty files; the ledger is not uploaded."""
    assert upload_models_to_s3(str(folder)) is True
    assert sync_models_from_s3(str(tmp_path / "copy")) is True

    assert tree(tmp_path / "copy") == tree(folder)
    assert keys_of(s3_store) == ["models/f5/empty", "models/f5/v1/model.safetensors", "models/vocab.txt"]


def test_only_the_asked_prefix_is_mirrored(folder: Path, tmp_path: Path, s3_store: S3Store) -> None:
    """A prefix is a folder, with or without its slash: 'models' doesn't include 'models-old'."""
    s3_store.put("models-old/x", b"", content_type="text/plain")

    assert upload_models_to_s3(str(folder), "models") is True
    assert sync_models_from_s3(str(tmp_path / "copy"), "models") is True

    assert tree(tmp_path / "copy") == tree(folder)


def test_what_is_the_same_is_not_sent_again(folder: Path, s3_store: S3Store) -> None:
    """A second upload sends only files that changed since the first, even if their size is the same."""
    upload_models_to_s3(str(folder))
    before = {info.key: info.modified for info in s3_store.list()}
    (folder / "vocab.txt").write_text("b\na\n")
    s3_store.put("models/vocab.txt", b"x", content_type="text/plain")

    assert upload_models_to_s3(str(folder)) is True

    after = {info.key: info.modified for info in s3_store.list()}
    assert s3_store.get("models/vocab.txt").body == b"b\na\n"
    assert before["models/f5/v1/model.safetensors"] == after["models/f5/v1/model.safetensors"]


def test_what_is_the_same_is_not_fetched_again(folder: Path, tmp_path: Path, s3_store: S3Store) -> None:
    """A second sync fetches only what changed in the bucket or here, even if the size is the same."""
    upload_models_to_s3(str(folder))
    copy = tmp_path / "copy"
    sync_models_from_s3(str(copy))
    inodes = {path: path.stat().st_ino for path in copy.rglob("*") if path.is_file()}
    s3_store.put("models/vocab.txt", b"b\na\n", content_type="text/plain")
    (copy / "f5" / "empty").write_text("edited")

    assert sync_models_from_s3(str(copy)) is True

    assert tree(copy) == tree(folder) | {"vocab.txt": b"b\na\n"}
    model = copy / "f5" / "v1" / "model.safetensors"
    assert model.stat().st_ino == inodes[model]


def test_a_ledger_that_is_damaged_costs_only_time(folder: Path) -> None:
    """A damaged ledger costs time, but the mirror is still right."""
    for damage in ("", "[1]", "null", '{"models/vocab.txt": 1}'):
        (folder / ".s3-sync.json").write_text(damage)

        assert upload_models_to_s3(str(folder)) is True


def test_a_key_that_would_leave_the_folder_is_not_followed(server: Server, bucket: str, tmp_path: Path) -> None:
    """Keys that would lead out of the folder are skipped."""
    client = s3_client(server.settings(bucket))
    for key in ("models/../../escaped", "models//etc/escaped", "models/..\\escaped", "models/good"):
        client.put_object(Bucket=bucket, Key=key, Body=b"x")

    assert sync_models_from_s3(str(tmp_path / "in" / "copy")) is True

    assert tree(tmp_path) == {"in/copy/good": b"x"}


def test_a_link_that_leads_out_is_not_followed(
    tmp_path: Path, s3_store: S3Store, caplog: pytest.LogCaptureFixture
) -> None:
    """A symbolic link inside the folder doesn't lead the download out of it."""
    s3_store.put("models/link/x", b"x", content_type="text/plain")
    (tmp_path / "outside").mkdir()
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy" / "link").symlink_to(tmp_path / "outside")

    assert sync_models_from_s3(str(tmp_path / "copy")) is False

    assert list((tmp_path / "outside").iterdir()) == []
    assert events(caplog) == [("s3_sync_failed", "ValueError")]


def test_a_failure_is_none_or_false_and_one_event(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A failure returns None or False, and the log has its code without key or path."""
    assert download_from_s3("voices/secret-name", str(tmp_path / "x")) is None
    assert download_from_s3("../secret-name", str(tmp_path / "x")) is None
    assert upload_to_s3(str(tmp_path / "secret-name"), "x") is None
    assert upload_models_to_s3(str(tmp_path / "secret-name")) is False

    assert events(caplog) == [
        ("s3_download_failed", "NoSuchObject"),
        ("s3_download_failed", "ValueError"),
        ("s3_upload_failed", "FileNotFoundError"),
        ("s3_models_upload_failed", "NotADirectoryError"),
    ]
    assert "secret-name" not in " ".join(str(vars(record)) for record in caplog.records if record.name == "s3_utils")
    assert list(tmp_path.iterdir()) == []


def test_without_a_bucket_they_say_what_to_set(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Without S3_BUCKET the functions do nothing and name that setting."""
    monkeypatch.delenv("S3_BUCKET")

    assert upload_to_s3(__file__, "x") is None
    assert download_from_s3("x", str(tmp_path / "x")) is None
    assert sync_models_from_s3(str(tmp_path)) is False
    assert upload_models_to_s3(str(tmp_path)) is False

    ours = [record for record in caplog.records if record.name == "s3_utils"]
    assert [getattr(record, "code", "") for record in ours] == ["STORAGE_MISCONFIGURED"] * 4
    assert all("S3_BUCKET" in getattr(record, "reason", "") for record in ours)
    assert all(record.levelno == logging.ERROR for record in ours)


def test_settings_that_make_no_sense_are_a_failure_too(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Half a pair of credentials, or a store that isn't there, is an ordinary failure."""
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    assert download_from_s3("x", str(tmp_path / "x")) is None

    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "no URL")
    assert download_from_s3("x", str(tmp_path / "x")) is None

    assert events(caplog) == [
        ("s3_download_failed", "ValidationError"),
        ("s3_download_failed", "ValidationError"),
    ]


def test_the_older_names_of_the_variables_work(
    monkeypatch: pytest.MonkeyPatch, server: Server, bucket: str, tmp_path: Path, s3_store: S3Store
) -> None:
    """RunPod's BUCKET_* variables configure the same bucket."""
    s3_store.put("x", b"1", content_type="text/plain")
    for name in ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("BUCKET_ENDPOINT_URL", server.endpoint_url)
    monkeypatch.setenv("BUCKET_ACCESS_KEY_ID", server.access_key)
    monkeypatch.setenv("BUCKET_SECRET_ACCESS_KEY", server.secret_key)

    assert download_from_s3("x", str(tmp_path / "x")) == str(tmp_path / "x")
