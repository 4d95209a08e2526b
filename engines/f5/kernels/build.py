"""
Compiles the kernels for every card.

It needs no GPU and no C compiler: Triton brings LLVM and ptxas. It runs where the image is built, for the launcher that Triton would
make at run time does need a C compiler, which the image hasn't.
"""

import hashlib
import re
import shutil
import tempfile
from itertools import product
from pathlib import Path
from typing import Any

from engines.f5.kernels.compiled import (
    ALIGNMENT,
    CARDS,
    DTYPES,
    EPS,
    HEAD,
    INDEX,
    NAMES,
    SIZES,
    SOURCE,
    Index,
    Kernel,
    digest_of,
)

_WARPS = 4
_CODE = ".cubin"
_MOST_SHARED = 48 * 1024  # bytes; more would have to be asked for
# By kernel: the pointers' types, where None is the model's own, and what is compiled in besides the size.
_POINTERS: dict[str, dict[str, str | None]] = {
    "rotate": {"qkv": None, "cosine": "fp32", "sine": "fp32"},
    "norm": dict.fromkeys(("x", "scale", "shift", "out")),
    "add_norm": dict.fromkeys(("x", "y", "gate", "scale", "shift", "out")),
}
_NUMBERS = {"rotate": ("heads",)}
_CONSTANTS: dict[str, dict[str, float]] = {"rotate": {"HEAD": HEAD}, "norm": {"EPS": EPS}, "add_norm": {"EPS": EPS}}


def build(folder: Path) -> Index:
    """Compile all of them into the folder, in place of those that were there. Raises FileExistsError for a folder of something else."""
    import triton

    if folder.is_dir() and any(one.suffix != _CODE and one.name != INDEX for one in folder.iterdir()):
        raise FileExistsError(f"{folder} holds something else than kernels: name a folder that is not there")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".kernels.") as scratch, triton.knobs.cache.scope():
        triton.knobs.cache.dir = str(Path(scratch) / "cache")
        made = Path(scratch) / "made"
        made.mkdir()
        kernels = tuple(
            _kept(made, name, compile_kernel(name, card, dtype, dim), card=card, dtype=dtype, dim=dim)
            for card, dtype, dim, name in product(CARDS, DTYPES, SIZES, NAMES)
        )
        index = Index(triton=triton.__version__, source=digest_of(SOURCE), kernels=kernels)
        (made / INDEX).write_text(index.model_dump_json(indent=1) + "\n", "utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        made.rename(folder)
    return index


def compile_kernel(name: str, card: int, dtype: str, dim: int) -> Any:
    """Triton's compiled kernel for a compute capability (times ten), torch's dtype and so many features."""
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    from engines.f5.kernels import source

    function = getattr(source, name)
    constants = {**_CONSTANTS[name], "DIM": dim, "BLOCK": triton.next_power_of_2(dim)}
    types = {one: f"*{kind or DTYPES[dtype]}" for one, kind in _POINTERS[name].items()}
    types |= dict.fromkeys(_NUMBERS.get(name, ()), "i32") | dict.fromkeys(constants, "constexpr")
    aligned = {(place,): [["tt.divisibility", ALIGNMENT]] for place in range(len(_POINTERS[name]))}
    signature = {one: types[one] for one in function.arg_names}
    # Fused products and sums would round the rotation otherwise than torch does.
    options = {"num_warps": _WARPS, "enable_fp_fusion": name != "rotate"}
    with triton.knobs.compilation.scope():
        triton.knobs.compilation.disable_line_info = True
        asked = ASTSource(fn=function, signature=signature, constexprs=constants, attrs=aligned)
        return triton.compile(asked, target=GPUTarget("cuda", card, 32), options=options)


def parameter_bits(ptx: str) -> tuple[int, ...]:
    """The sizes of the kernel's parameters, in order, by what its assembly declares."""
    declared, _, _ = ptx.partition(".entry")[2].partition("{")
    return tuple(int(bits) for bits in re.findall(r"\.param\s+\.[ubfs](\d+)", declared))


def _kept(folder: Path, name: str, compiled: Any, *, card: int, dtype: str, dim: int) -> Kernel:
    """Write the machine code. Raises RuntimeError for what the launcher doesn't provide."""
    facts, code = compiled.metadata, compiled.asm["cubin"]
    if facts.global_scratch_size or facts.profile_scratch_size or facts.num_ctas != 1 or facts.shared > _MOST_SHARED:
        raise RuntimeError(f"{name} for {card} asks for scratch memory, a cluster or too much shared memory: {facts}")
    file = f"{name}-{dtype}-{dim}-sm{card}{_CODE}"
    (folder / file).write_bytes(code)
    return Kernel(
        name=name,
        card=card,
        dtype=dtype,
        dim=dim,
        file=file,
        sha256=hashlib.sha256(code).hexdigest(),
        symbol=facts.name,
        bits=parameter_bits(compiled.asm["ptx"]),
        warps=facts.num_warps,
        shared=facts.shared,
    )
