"""What is compiled where the image is built: for every card, without a C compiler, and as the launcher takes it."""

import json
import re
from pathlib import Path

import pytest

from engines.f5.kernels.build import build, parameter_bits
from engines.f5.kernels.compiled import CARDS, DTYPES, FOLDER, INDEX, NAMES, SIZES, SOURCE, digest_of, find
from tests.conftest import ROOT
from tests.unit.engines.f5.kernels.conftest import tool

MOST_BYTES = 1_000_000
BITS = {"rotate": (64, 64, 64, 32, 64, 64), "norm": (64,) * 6, "add_norm": (64,) * 8}


def test_every_card_has_every_kernel_in_half_precision(built: Path) -> None:
    """Of both published sizes; together no larger than the image bears."""
    for card in CARDS:
        for dtype in DTYPES:
            for dim in SIZES:
                found = find(built / "compiled", card=card, dtype=dtype, dim=dim)
                assert set(found.kernels) == set(NAMES)
                assert {kernel.symbol for kernel, _ in found.kernels.values()} == set(NAMES)

    assert sum(path.stat().st_size for path in (built / "compiled").iterdir()) <= MOST_BYTES


def test_nothing_but_triton_compiles(built: Path) -> None:
    """No compiler on the PATH was called, and nothing else was left behind."""
    assert sorted(path.name for path in built.iterdir()) == ["bin", "compiled"]


def test_the_index_says_what_it_was_made_of(built: Path) -> None:
    """The digest of the source, by which a stale folder is known."""
    index = json.loads((built / "compiled" / INDEX).read_text())

    assert index["source"] == digest_of(SOURCE)
    assert len(index["kernels"]) == len(CARDS) * len(DTYPES) * len(SIZES) * len(NAMES)


@pytest.mark.parametrize("card", CARDS)
@pytest.mark.parametrize("name", NAMES)
def test_the_machine_code_takes_the_parameters_that_the_index_names(name: str, card: int, built: Path) -> None:
    """Their number, order and sizes, as the code itself declares them; the last two are Triton's scratch memory."""
    kernel, _ = find(built / "compiled", card=card, dtype="bfloat16", dim=1024).kernels[name]

    told = tool("cuobjdump", "-elf", built / "compiled" / kernel.file)

    sizes = {
        int(place, 16): 8 * int(size, 16)
        for place, size in re.findall(r"Ordinal : (\w+)\s+Offset\s+: \w+\s+Size\s+: (\w+)", told)
    }
    assert tuple(sizes[place] for place in range(len(sizes))) == kernel.bits == BITS[name]


@pytest.mark.parametrize("card", CARDS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_the_rotation_rounds_each_product(dtype: str, card: int, built: Path) -> None:
    """No fused product and sum in the machine code, for torch rounds between them; and no number is cut off in place of rounded."""
    for dim in SIZES:
        kernel, _ = find(built / "compiled", card=card, dtype=dtype, dim=dim).kernels["rotate"]

        code = tool("nvdisasm", "-c", built / "compiled" / kernel.file)

        assert "FMUL" in code
        assert "F2FP" in code
        assert not re.search(r"\b[FD]FMA|HFMA2\S*BF|\.FTZ|\.RZ", code)


@pytest.mark.parametrize("card", CARDS)
@pytest.mark.parametrize("name", NAMES)
def test_rows_are_read_and_written_16_bytes_at_a_time(name: str, card: int, built: Path) -> None:
    """What the launcher asks addresses to be multiples of 16 for."""
    kernel, _ = find(built / "compiled", card=card, dtype="float16", dim=1024).kernels[name]

    code = tool("nvdisasm", "-c", built / "compiled" / kernel.file)

    assert re.search(r"LDG\S*\.128", code)
    assert re.search(r"STG\S*\.128", code)


@pytest.mark.parametrize("card", CARDS)
def test_drivers_for_torch_can_load_the_machine_code(card: int, built: Path) -> None:
    """CUDA 12's ptxas, as torch is CUDA 12.8: its drivers take code of the same major version."""
    kernel, _ = find(built / "compiled", card=card, dtype="float16", dim=768).kernels["norm"]

    toolkit = re.search(r"toolkit=(12)\.?(\d)\b", tool("cuobjdump", "-elf", built / "compiled" / kernel.file))

    assert toolkit is not None
    assert int(toolkit[2]) <= (9 if card >= 100 else 8)


def test_a_folder_of_something_else_is_not_replaced(tmp_path: Path) -> None:
    """A wrong argument deletes nobody's files."""
    (tmp_path / "letters.txt").write_text("dear")

    with pytest.raises(FileExistsError, match="holds something else than kernels"):
        build(tmp_path)
    assert (tmp_path / "letters.txt").read_text() == "dear"


def test_parameters_are_read_in_order() -> None:
    """From the assembly's declaration; what the body says of parameters doesn't count."""
    ptx = ".visible .entry norm(\n\t.param .u64 .ptr .global .align 1 a,\n\t.param .u32 b,\n\t.param .f32 c\n)\n{\n ld.param.b64 %rd1, [a]; .param .b64 d"

    assert parameter_bits(ptx) == (64, 32, 32)


def test_the_image_compiles_them() -> None:
    """Its Dockerfile does, with Triton of the lock, and copies them to where they are looked for; it takes none along from this machine."""
    dockerfile = (ROOT / "Dockerfile").read_text()
    folder = FOLDER.relative_to(ROOT)

    assert "RUN /opt/venv/bin/python -m engines.f5.kernels\n" in dockerfile
    assert (
        dockerfile.index("AS kernels")
        < dockerfile.index("-m engines.f5.kernels")
        < dockerfile.index("# ---- The worker.")
        < dockerfile.index(f"COPY --from=kernels /app/{folder}/ {folder}/")
        < dockerfile.index("USER worker")
    )
    for ignored in (".dockerignore", ".gitignore"):
        assert "engines/f5/kernels/compiled" in (ROOT / ignored).read_text().splitlines()
