"""
The elementwise work of a DiT block as three Triton kernels. Only the build and the tests import this file.

One program works on one row, in float32, and rounds once. What it is compiled for is in capitals: DIM features a row, and BLOCK,
the power of two that holds them.
"""

import triton
import triton.language as tl


@triton.jit
def rotate(qkv, cosine, sine, heads, DIM: tl.constexpr, HEAD: tl.constexpr, BLOCK: tl.constexpr):
    """
    Queries and keys, in place: neighbours (a, b) of the first heads become (a cos - b sin, b cos + a sin).

    qkv: [rows, 3 * DIM]. The tables are those of engines/f5/tables.py as real numbers: each cosine twice, each sine after a zero.
    Compiled without fused products and sums, so that each product is rounded as torch rounds it.
    """
    row = tl.program_id(0).to(tl.int64)
    feature = tl.arange(0, BLOCK)
    place = qkv + row * (3 * DIM) + tl.program_id(1) * DIM + feature
    pair = row * HEAD + tl.arange(0, BLOCK // 2) % (HEAD // 2) * 2
    cos, sin = tl.load(cosine + pair), tl.load(sine + pair + 1)
    is_rotated = feature < heads * HEAD
    a, b = tl.split(tl.load(place, is_rotated, 0.0).to(tl.float32).reshape(BLOCK // 2, 2))
    turned = tl.join(a * cos - b * sin, b * cos + a * sin).reshape(BLOCK)
    tl.store(place, turned.to(qkv.dtype.element_ty), is_rotated)


@triton.jit
def norm(x, scale, shift, out, DIM: tl.constexpr, EPS: tl.constexpr, BLOCK: tl.constexpr):
    """Make out = LayerNorm(x) * scale + shift. x: [rows, DIM]."""
    row = tl.program_id(0).to(tl.int64) * DIM
    feature = tl.arange(0, BLOCK)
    is_one = feature < DIM
    value = tl.load(x + row + feature, is_one, 0.0).to(tl.float32)
    _modulate(value, scale, shift, out + row, feature, is_one, DIM, EPS)


@triton.jit
def add_norm(x, y, gate, scale, shift, out, DIM: tl.constexpr, EPS: tl.constexpr, BLOCK: tl.constexpr):
    """Add gate * y to x, in place; out = LayerNorm(x) * scale + shift. x, y: [rows, DIM]."""
    row = tl.program_id(0).to(tl.int64) * DIM
    feature = tl.arange(0, BLOCK)
    is_one = feature < DIM
    added = tl.load(y + row + feature, is_one, 0.0).to(tl.float32) * tl.load(gate + feature, is_one, 0.0).to(tl.float32)
    value = (tl.load(x + row + feature, is_one, 0.0).to(tl.float32) + added).to(x.dtype.element_ty)
    tl.store(x + row + feature, value, is_one)
    _modulate(value.to(tl.float32), scale, shift, out + row, feature, is_one, DIM, EPS)


@triton.jit
def _modulate(value, scale, shift, out, feature, is_one, DIM: tl.constexpr, EPS: tl.constexpr):
    """LayerNorm(value) * scale + shift, stored; value is 0 where there is no feature."""
    centred = tl.where(is_one, value - tl.sum(value, 0) / DIM, 0.0)
    normed = centred * tl.rsqrt(tl.sum(centred * centred, 0) / DIM + EPS)
    scaled = normed * tl.load(scale + feature, is_one, 0.0).to(tl.float32)
    moved = scaled + tl.load(shift + feature, is_one, 0.0).to(tl.float32)
    tl.store(out + feature, moved.to(out.dtype.element_ty), is_one)
