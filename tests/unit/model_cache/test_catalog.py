"""The catalogue: names, folders, and the messages when neither will do."""

import json
from pathlib import Path

import pytest

from cloning.errors import CheckpointUnusable, InvalidRequest
from model_cache.catalog import CARD, UNKNOWN, entries, find

COMPLETE = {"name": "mine", "config": "F5TTS_Base", "model": "m.safetensors", "license": "cc0", "commercial": True}


def folder_with(path: Path, card: object) -> str:
    path.mkdir(exist_ok=True)
    (path / CARD).write_text(card if isinstance(card, str) else json.dumps(card))
    return str(path)


@pytest.mark.parametrize(
    ("name", "config", "masks_padding"),
    [
        ("F5TTS_v1_Base", "F5TTS_v1_Base", True),
        ("F5TTS_Base", "F5TTS_Base", False),
        ("F5-TTS-pt-br", "F5TTS_Base", False),
    ],
)
def test_each_name_has_its_own_configuration(name: str, config: str, *, masks_padding: bool) -> None:
    """v0 and v1 weights look the same and need different flags; the catalogue knows which is which, and the licence."""
    checkpoint = find(name)

    assert (checkpoint.name, checkpoint.config) == (name, config)
    assert checkpoint.arch["text_mask_padding"] is masks_padding
    assert checkpoint.source.startswith("hf://")
    assert (checkpoint.license, checkpoint.commercial) == ("cc-by-nc-4.0", False)


def test_an_unknown_name_is_told_the_choices() -> None:
    """An unknown name is refused with every known one, for people and programs."""
    with pytest.raises(InvalidRequest) as caught:
        find("F5TTS_v2")

    assert caught.value.details["choices"] == list(entries())
    assert ", ".join(entries()) in caught.value.message


@pytest.mark.parametrize("name", entries())
def test_every_entry_is_found_or_says_what_is_not_known(name: str) -> None:
    """An entry whose configuration isn't known is refused with that; every other one has its architecture."""
    entry = entries()[name]

    if entry.config == UNKNOWN:
        with pytest.raises(CheckpointUnusable, match=r"not known which configuration.*v0 or v1"):
            find(name)
    else:
        checkpoint = find(name)
        width = checkpoint.arch["gpt_n_model_channels" if checkpoint.engine == "xtts" else "dim"]
        assert width == (768 if "Small" in name else 1024)
        assert checkpoint.arch.get("text_mask_padding", "no F5-TTS") in ("v1" in entry.config, "no F5-TTS")


def test_weights_of_a_non_commercial_label_are_never_commercial() -> None:
    """A non-commercial label is never commercial; an entry may also be stricter than its label."""
    for name, entry in entries().items():
        assert not (entry.commercial and "nc" in entry.license.split("-")), name


def test_a_card_may_say_that_it_does_not_know(tmp_path: Path) -> None:
    """A card may say that its configuration is unknown; then it is refused, unless it gives the architecture itself."""
    card = COMPLETE | {"config": "unknown"}

    with pytest.raises(CheckpointUnusable, match="v0 or v1"):
        find(folder_with(tmp_path / "mine", card))
    given = find(folder_with(tmp_path / "mine", card | {"architecture": {"arch": {"dim": 64}}}))
    assert given.arch == {"dim": 64}


def test_an_id_is_never_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An id is never a path, so a caller can't name a folder of this machine, even one that exists."""
    folder_with(tmp_path / "mine", COMPLETE)
    monkeypatch.chdir(tmp_path)

    assert find("./mine").name == "mine"
    with pytest.raises(InvalidRequest):
        find("mine")


def test_a_folder_is_described_by_its_card(tmp_path: Path) -> None:
    """A folder's card gives paths inside it, and its configuration is f5_tts's own."""
    folder = folder_with(
        tmp_path / "mine", COMPLETE | {"vocab": "vocab.txt", "vocoder": "v", "languages": ["pt"], "note": "n"}
    )

    checkpoint = find(folder)

    assert checkpoint.source == f"{folder}/m.safetensors"
    assert (checkpoint.vocab, checkpoint.vocoder) == (f"{folder}/vocab.txt", f"{folder}/v")
    assert checkpoint.arch["pe_attn_head"] == 1
    assert (checkpoint.languages, checkpoint.license, checkpoint.commercial, checkpoint.note) == (
        ("pt",),
        "cc0",
        True,
        "n",
    )


def test_an_architecture_of_its_own_wins(tmp_path: Path) -> None:
    """If a card gives the architecture's numbers, they are used, and `config` is only a name."""
    card = COMPLETE | {"config": "mine", "architecture": {"backbone": "DiT", "arch": {"dim": 64}}}

    assert find(folder_with(tmp_path / "mine", card)).arch == {"dim": 64}


@pytest.mark.parametrize(
    ("card", "said"),
    [
        pytest.param(
            {key: value for key, value in COMPLETE.items() if key != "license"},
            "license: Field required",
            id="incomplete",
        ),
        pytest.param(COMPLETE | {"name": "../x"}, "name", id="name that is no id"),
        pytest.param(COMPLETE | {"model": "../../secret"}, "must be in the folder", id="leaves the folder"),
        pytest.param(COMPLETE | {"vocab": "/etc/passwd"}, "must be in the folder", id="absolute"),
        pytest.param(COMPLETE | {"config": "F5TTS_v9"}, "F5TTS_Base, F5TTS_Small, F5TTS_v1_Base", id="unknown config"),
        pytest.param(COMPLETE | {"mel_spec_type": "bigvgan"}, "vocos", id="another vocoder"),
        pytest.param(
            COMPLETE | {"architecture": {"backbone": "UNetT", "arch": {"dim": 64}}}, "DiT", id="another backbone"
        ),
        pytest.param(
            COMPLETE | {"architecture": {"arch": {"depth": 2}}}, "architecture.arch.dim: Field required", id="no width"
        ),
        *(
            pytest.param(COMPLETE | {"architecture": {"arch": {"dim": 64, **arch}}}, said, id=f"arch {said}")
            for arch, said in (
                ({"depth": 10**9}, "depth"),
                ({"dim": -16}, "dim"),
                ({"dim": 65}, "multiple of 16"),
                ({"heads": "16"}, "heads"),
                ({"heads": True}, "heads: Input should be a valid integer"),
                ({"ff_mult": float("1e9")}, "ff_mult"),
                ({"text_dim": [512]}, "text_dim"),
                ({"heads": 2, "pe_attn_head": 3}, "pe_attn_head"),
                ({"attn_backend": "os.system"}, "attn_backend"),
                ({"text_num_embeds": 1}, "text_num_embeds"),
                ({"__class__": "x"}, "__class__"),
            )
        ),
        pytest.param("{", "JSON", id="no JSON"),
        pytest.param([], "object", id="no object"),
    ],
)
def test_an_unusable_card_is_refused_with_the_field(tmp_path: Path, card: object, said: str) -> None:
    """An unusable card is refused with the field and the reason before any file is touched."""
    with pytest.raises(CheckpointUnusable) as caught:
        find(folder_with(tmp_path / "mine", card))

    assert said in caught.value.message


def test_a_folder_without_a_card_is_told_what_to_add(tmp_path: Path) -> None:
    """A folder without a card is refused with the file and fields to add, and why the configuration is needed."""
    with pytest.raises(
        CheckpointUnusable, match=r"has no checkpoint\.json: add one with name, config .*the file doesn't show it"
    ):
        find(str(tmp_path))
