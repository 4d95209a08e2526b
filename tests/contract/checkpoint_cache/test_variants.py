"""Copies that are nearly the same: with another vocabulary or note, or in half precision."""

import json
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file
from safetensors.torch import load_file as load_tensors

from model_cache.cache import CheckpointCache
from model_cache.catalog import CARD, Checkpoint, find
from model_cache.copies.published import Published
from model_cache.copies.record import Dtype
from model_cache.copies.shelf import Shelf
from model_cache.local_checkpoint import LocalCheckpoint
from model_cache.progress import unwatched
from tests.machines import NAME, CountingStore


def test_halved_weights_are_those_that_the_gpu_would_have(folder: Path, bucket: CountingStore, tmp_path: Path) -> None:
    """F5-TTS casts to fp16 as it loads on a GPU; the halved file holds exactly those bits, at half the size."""
    import torch

    whole = CheckpointCache(bucket, tmp_path / "a").local(find(str(folder)))
    halved = CheckpointCache(bucket, tmp_path / "b", dtype="fp16").local(find(str(folder)))

    cast = {
        name: tensor.to(torch.float16) if tensor.is_floating_point() else tensor
        for name, tensor in load_tensors(whole.model_path).items()
    }
    found = load_tensors(halved.model_path)
    assert cast.keys() == found.keys()
    for name, tensor in cast.items():
        assert tensor.dtype == found[name].dtype, name
        assert tensor.numpy().tobytes() == found[name].numpy().tobytes(), name
    assert halved.model_path.stat().st_size < 0.51 * whole.model_path.stat().st_size
    assert np.dtype("float32") in {array.dtype for array in load_file(whole.model_path).values()}


def test_the_official_loader_gives_the_same_model_from_either(
    folder: Path, bucket: CountingStore, tmp_path: Path
) -> None:
    """f5_tts's own `load_checkpoint` gives bit for bit the same model from either file, in the dtype of a GPU."""
    import torch

    from engines.imports.f5 import import_f5

    def loaded(local: LocalCheckpoint) -> dict[str, torch.Tensor]:
        f5 = import_f5()
        from f5_tts.model import DiT

        model = f5.load_model(DiT, local.arch, str(local.model_path), vocab_file=str(local.vocab_path), device="cpu")
        model = f5.load_checkpoint(model, str(local.model_path), "cpu", dtype=torch.float16)
        state: dict[str, torch.Tensor] = model.state_dict()
        return state

    precisions: tuple[Dtype, Dtype] = ("keep", "fp16")
    whole, halved = (
        loaded(CheckpointCache(bucket, tmp_path / dtype, dtype=dtype).local(find(str(folder)))) for dtype in precisions
    )

    assert whole.keys() == halved.keys()
    for name, tensor in whole.items():
        assert tensor.dtype == halved[name].dtype == torch.float16 or not tensor.is_floating_point()
        assert tensor.numpy().tobytes() == halved[name].numpy().tobytes(), name


def test_each_precision_is_published_for_itself(folder: Path, bucket: CountingStore, tmp_path: Path) -> None:
    """A worker that wants whole weights never gets halved ones, nor the other way round."""
    precisions: tuple[Dtype, Dtype] = ("keep", "fp16")

    def brought(machine: str) -> list[LocalCheckpoint]:
        return [
            CheckpointCache(bucket, tmp_path / f"{machine}-{dtype}", dtype=dtype).local(find(str(folder)))
            for dtype in precisions
        ]

    first, second = brought("first"), brought("second")

    assert [local.came_from for local in second] == ["bucket", "bucket"]
    assert [local.sha256 for local in second] == [local.sha256 for local in first]
    assert first[0].sha256 != first[1].sha256


def with_note(folder: Path, note: str) -> Checkpoint:
    """The folder's checkpoint with an edited card."""
    (folder / CARD).write_text(json.dumps(json.loads((folder / CARD).read_text()) | {"note": note}))
    return find(str(folder))


def test_another_vocabulary_makes_another_copy(folder: Path, bucket: CountingStore, tmp_path: Path) -> None:
    """The same weights with another vocab.txt are another copy, on the disk and in the bucket; a copy in use keeps its own."""
    cache = CheckpointCache(bucket, tmp_path / "a")
    old = cache.local(find(str(folder)))
    assert old.vocab_path is not None
    before = old.vocab_path.read_bytes()
    lines = (folder / "vocab.txt").read_text("utf-8").split("\n")
    lines[1], lines[2] = lines[2], lines[1]
    (folder / "vocab.txt").write_text("\n".join(lines), "utf-8")

    new = cache.local(find(str(folder)))

    assert new.vocab_path is not None
    assert (new.sha256, new.vocab_path.read_bytes()) == (old.sha256, (folder / "vocab.txt").read_bytes())
    assert old.vocab_path.read_bytes() == before
    assert CheckpointCache(bucket, tmp_path / "b").local(find(str(folder))).came_from == "bucket"
    assert len([*Published(bucket, unwatched).records(NAME)]) == 2


def test_one_copy_serves_both_precisions_where_there_is_nothing_to_halve(
    folder: Path, bucket: CountingStore, tmp_path: Path
) -> None:
    """If the weights are fp16 already, workers of either setting share one copy and never send it again."""
    model = folder / "model.safetensors"
    save_file(
        {name: array.astype("float16") if array.dtype == "float32" else array for name, array in load_file(model).items()},
        model,
    )  # fmt: skip
    CheckpointCache(bucket, tmp_path / "a").local(find(str(folder)))
    sent = list(bucket.uploads)

    def came_from(machine: str, dtype: Dtype) -> str:
        return CheckpointCache(bucket, tmp_path / machine, dtype=dtype).local(find(str(folder))).came_from

    found = [came_from("a", "fp16"), came_from("b", "fp16"), came_from("b", "keep")]

    assert found == ["local", "bucket", "local"]
    assert bucket.uploads == sent


def test_an_edited_note_sends_no_file(folder: Path, bucket: CountingStore, tmp_path: Path) -> None:
    """`push` after an edit of the card or the catalogue rewrites the record and sends no file."""
    cache = CheckpointCache(bucket, tmp_path / "a")
    cache.push(with_note(folder, "old"))
    bucket.uploads.clear()
    for path, record in Shelf(tmp_path / "a", NAME).copies():
        edited = record.model_copy(update={"note": "new"})
        (path / CARD).write_text(edited.model_dump_json(exclude_none=True))

    _, sent = cache.push(with_note(folder, "new"))

    assert (sent, bucket.uploads) == (False, [])
    assert [record.note for record in Published(bucket, unwatched).records(NAME)] == ["new"]
