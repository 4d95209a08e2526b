"""What a vocoder's config.yaml may say: the one vocoder that F5-TTS speaks with, as data; anything else is refused with the reason."""

import shutil
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from cloning.errors import CheckpointUnusable
from engines.f5.vocoder import CONFIG, WEIGHTS, vocoder_config

PUBLISHED: dict[str, Any] = {
    "feature_extractor": {
        "class_path": "vocos.feature_extractors.MelSpectrogramFeatures",
        "init_args": {"sample_rate": 24000, "n_fft": 1024, "hop_length": 256, "n_mels": 100, "padding": "center"},
    },
    "backbone": {
        "class_path": "vocos.models.VocosBackbone",
        "init_args": {"input_channels": 100, "dim": 512, "intermediate_dim": 1536, "num_layers": 8},
    },
    "head": {
        "class_path": "vocos.heads.ISTFTHead",
        "init_args": {"dim": 512, "n_fft": 1024, "hop_length": 256, "padding": "center"},
    },
}
WEIGHTS_BYTES = 54_000_000
PARTS = tuple(PUBLISHED)
LEAVES = [(part, "class_path") for part in PARTS] + [
    (part, "init_args", name) for part in PARTS for name in PUBLISHED[part]["init_args"]
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A vocoder's folder whose weights take as much as the published ones, and no disk."""
    folder = tmp_path_factory.mktemp("vocoder")
    with (folder / WEIGHTS).open("wb") as file:
        file.truncate(WEIGHTS_BYTES)
    return folder


def changed(place: tuple[str, ...], value: object) -> dict[str, Any]:
    """The published configuration with another value in one place."""
    config = deepcopy(PUBLISHED)
    inner = config
    for name in place[:-1]:
        inner = inner[name]
    inner[place[-1]] = value
    return config


def read(folder: Path, text: str | bytes) -> Any:
    (folder / CONFIG).write_bytes(text if isinstance(text, bytes) else text.encode())
    return vocoder_config(folder)


def refusal(folder: Path, text: str | bytes) -> str:
    with pytest.raises(CheckpointUnusable) as caught:
        read(folder, text)
    return caught.value.message


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_the_published_vocoder_is_taken(folder: Path, encoding: str, ends: str) -> None:
    """In block and flow style, in any encoding of an editor."""
    for flow in (True, False):
        text = yaml.safe_dump(PUBLISHED, default_flow_style=flow).replace("\n", ends)

        config = read(folder, text.encode(encoding))

        assert config.backbone.init_args.num_layers == 8


@pytest.mark.parametrize(
    "name",
    [
        "subprocess.Popen",
        "os.system",
        "builtins.exec",
        "vocos.feature_extractors.EncodecFeatures",
        "vocos.pretrained.Vocos.from_pretrained",
        "vocos.models.VocosResNetBackbone",
        "vocos.heads.IMDCTCosHead",
        " vocos.models.VocosBackbone",
        "vocos.models.VocosBackbone\n",
        "VocosBackbone",
        "",
        ["vocos.models.VocosBackbone"],
        None,
    ],
)
@pytest.mark.parametrize("part", PARTS)
def test_no_other_class_is_ever_asked_for(folder: Path, part: str, name: object) -> None:
    """The refusal names the part, the class that the file names and the one that is accepted."""
    message = refusal(folder, yaml.safe_dump(changed((part, "class_path"), name)))

    assert f"{part}.class_path" in message
    assert PUBLISHED[part]["class_path"] in message
    assert repr(str(name)) in message


@pytest.mark.parametrize("place", LEAVES, ids=".".join)
@settings(max_examples=30, deadline=None)
@given(
    value=st.one_of(
        st.integers(),
        st.floats(),
        st.text(max_size=8),
        st.booleans(),
        st.none(),
        st.lists(st.integers(), max_size=2),
        st.sampled_from([10**9, 10**100, -1, 0, float("nan"), float("inf"), "24000"]),
    )
)
def test_no_value_gets_through_but_a_sane_one(folder: Path, place: tuple[str, ...], value: object) -> None:
    """Whatever stands in a place: a size within its bounds, or a refusal; never another error."""
    try:
        config = read(folder, yaml.safe_dump(changed(place, value)))
    except CheckpointUnusable:
        return

    size = config.backbone.init_args
    assert all(type(number) is int for number in (size.dim, size.intermediate_dim, size.num_layers))
    assert config.least_bytes <= WEIGHTS_BYTES
    assert config.head.init_args.dim == size.dim


BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{new}: &{new} [{','.join([f'*{old}'] * 9)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param(BOMB, "anchors and aliases", id="billion laughs"),
        pytest.param("a: &a [*a]", "anchors and aliases", id="holds itself"),
        pytest.param("<<: {backbone: 1}\n", "a key occurs twice", id="merge key"),
        pytest.param("[" * 30_000, "nested too deeply", id="deep list"),
        pytest.param("{a: " * 10_000, "nested too deeply", id="deep mapping"),
        pytest.param("backbone: 1\nbackbone: 2\n", "a key occurs twice", id="key twice"),
        pytest.param("? [a]\n: 1\n", "a key occurs twice, or is not a plain word", id="a list as key"),
        pytest.param("backbone: !!python/object/apply:os.system ['true']\n", "plain YAML", id="python tag"),
        pytest.param("!!python/name:os.system\n", "plain YAML", id="python name"),
        pytest.param("--- 1\n--- 2\n", "plain YAML", id="two documents"),
        pytest.param("backbone: {init_args: {dim: " + "9" * 50_000 + "}}", "config.yaml", id="huge number"),
        pytest.param("a: " + "x" * 70_000, "more than 64000 bytes", id="huge file"),
        pytest.param(b"\x81\x8d\x9d", "UTF-8", id="no text"),
        pytest.param("", "config.yaml", id="empty"),
        pytest.param("- 1\n", "config.yaml", id="a list"),
        pytest.param("a:\tb: c", "plain YAML", id="no yaml"),
        pytest.param(yaml.safe_dump(PUBLISHED | {"extra": 1}), "extra", id="more parts"),
    ],
)
def test_yaml_that_is_no_plain_configuration_is_refused(folder: Path, text: str | bytes, said: str) -> None:
    """Bombs, tags, duplicates and nonsense: read as data, within bounds, and told."""
    assert said in refusal(folder, text)


def test_a_larger_vocoder_than_the_file_holds_is_refused(folder: Path) -> None:
    """Memory is not taken on a configuration's word."""
    config = changed(("backbone", "init_args", "intermediate_dim"), 8192)
    config["backbone"]["init_args"] |= {"dim": 2048, "num_layers": 48}
    config["head"]["init_args"]["dim"] = 2048

    assert "larger vocoder than pytorch_model.bin holds" in refusal(folder, yaml.safe_dump(config))


def missing(folder: Path) -> None:
    (folder / WEIGHTS).unlink()


def a_directory(folder: Path) -> None:
    missing(folder)
    (folder / WEIGHTS).mkdir()


@pytest.mark.parametrize("spoil", [missing, a_directory])
def test_a_folder_without_its_weights_is_named(folder: Path, tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    """By its own name and the file's, without the path."""
    own = Path(shutil.copytree(folder, tmp_path / "mine"))
    spoil(own)

    message = refusal(own, yaml.safe_dump(PUBLISHED))

    assert "'mine'" in message
    assert f"no file {WEIGHTS}" in message
    assert str(tmp_path) not in message
