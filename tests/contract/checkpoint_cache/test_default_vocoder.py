"""f5_tts's default vocoder: from the disk, the bucket or the hub, as a checkpoint is."""

import json
from pathlib import Path

from cloning.errors import HubUnavailable
from cloning.settings import Settings
from model_cache.cache import CheckpointCache
from model_cache.catalog import CARD, default_vocoder
from model_cache.local_checkpoint import LocalCheckpoint
from storage.folder_store import FolderStore
from tests.machines import CountingStore
from worker.assembly import make_engines


class VocoderHub:
    """A hub that has the default vocoder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.calls: list[str] = []

    def __call__(self, url: str) -> Path:
        self.calls.append(url)
        return self._folder / "vocoder" / url.rsplit("/", 1)[1]


def vocoder_of(cache: CheckpointCache) -> LocalCheckpoint:
    found = cache.vocoder()
    assert found is not None
    return found


def test_the_default_vocoder_comes_from_the_disk_the_bucket_or_the_hub(
    folder: Path, bucket: CountingStore, tmp_path: Path
) -> None:
    """The default vocoder is fetched from the hub once, published once, and digested, as a checkpoint is."""
    hub = VocoderHub(folder)

    found = [vocoder_of(CheckpointCache(bucket, tmp_path / name, hub)) for name in ("a", "a", "b")]

    assert [each.came_from for each in found] == ["hub", "local", "bucket"]
    assert sorted(hub.calls) == [
        f"hf://charactr/vocos-mel-24khz/{name}" for name in ("config.yaml", "pytorch_model.bin")
    ]
    assert len(bucket.uploads) == 2
    assert found[2].vocoder_path is not None
    for name in ("config.yaml", "pytorch_model.bin"):
        assert (found[2].vocoder_path / name).read_bytes() == (folder / "vocoder" / name).read_bytes()


def test_a_damaged_vocoder_is_fetched_again(folder: Path, bucket: CountingStore, tmp_path: Path) -> None:
    """A damaged vocoder is found by its sha256 and fetched again."""
    path = vocoder_of(CheckpointCache(bucket, tmp_path / "a", VocoderHub(folder))).model_path
    path.write_bytes(path.read_bytes()[:-1] + b"x")

    assert vocoder_of(CheckpointCache(bucket, tmp_path / "a", VocoderHub(folder))).came_from == "bucket"


def test_without_a_hub_f5_tts_is_left_to_find_its_vocoder(bucket: CountingStore, tmp_path: Path) -> None:
    """Without a hub the cache has no vocoder, which is no failure: f5_tts may have one in a cache of its own."""

    def gone(url: str) -> Path:
        raise HubUnavailable(url)

    assert CheckpointCache(bucket, tmp_path / "a", gone).vocoder() is None


def test_a_worker_without_a_hub_speaks_with_the_buckets_vocoder(folder: Path, tmp_path: Path) -> None:
    """A worker without a hub takes f5_tts's default vocoder from the bucket, where another worker published it."""
    store = FolderStore(tmp_path / "bucket")
    CheckpointCache(store, tmp_path / "another", VocoderHub(folder)).vocoder()
    card = {name: value for name, value in json.loads((folder / CARD).read_text()).items() if name != "vocoder"}
    (folder / CARD).write_text(json.dumps(card))
    settings = Settings(data_dir=tmp_path / "bucket", model_cache_dir=tmp_path / "models", device="cpu")

    engines = make_engines(settings, store, lambda: None)
    engine = engines.get(engines.check(str(folder)))

    assert engine.facts.vocoder == default_vocoder().name
