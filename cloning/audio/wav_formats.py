"""The format chunk of a WAV: bytes per second where they are certain, and samples in wider blocks than they need."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

_EXTENSIBLE, _PCM = 0xFFFE, 1
_UNCOMPRESSED = (_PCM, 3, 6, 7)
_MS_ADPCM, _IMA_ADPCM, _GSM = 2, 0x11, 0x31
_SHORTEST = 16
# Samples per second of any recording; values far outside are nonsense, which the decoder refuses.
RATES = (1_000, 1_000_000)

_Order = Literal["little", "big"]


@dataclass(frozen=True)
class Format:
    """
    The format of a WAV; `per_s` is 0 if only a decoder knows how long a byte lasts, because headers are then often wrong.

    `width` is the number of bytes that hold a sample of `bits`, if more than it needs; 0 otherwise. `block_s` is the duration of a
    block of ADPCM.
    """

    rate: int = 0
    channels: int = 1
    per_s: float = 0.0
    is_samples: bool = False
    bits: int = 0
    width: int = 0
    block_s: float = 0.0


def wav_format(fmt: bytes, order: _Order) -> Format:
    """Read a format chunk."""
    if len(fmt) < _SHORTEST:
        return Format()
    tag, channels = (int.from_bytes(fmt[at : at + 2], order) for at in (0, 2))
    rate = int.from_bytes(fmt[4:8], order)
    block, bits = (int.from_bytes(fmt[at : at + 2], order) for at in (12, 14))
    tag = int.from_bytes(fmt[24:26], order) if tag == _EXTENSIBLE else tag
    if not RATES[0] <= rate <= RATES[1] or not channels:
        return Format(is_samples=tag in _UNCOMPRESSED)
    if tag in _UNCOMPRESSED:
        needed = (bits + 7) // 8
        is_wide = tag == _PCM and bits > 8 and block % channels == 0 and needed < block // channels <= 4  # noqa: PLR2004 - bits, bytes
        width = block // channels if is_wide else 0
        return Format(rate, channels, float(rate * channels * (width or needed)), True, bits, width)
    samples = _block_samples(tag, channels, block)
    per_s = rate * block / samples if samples > 0 else 0.0
    return Format(rate, channels, per_s, block_s=samples / rate if per_s else 0.0)


def _block_samples(tag: int, channels: int, block: int) -> int:
    """The number of samples of each channel in a block of compressed sound; 0 if it isn't fixed."""
    return {
        _MS_ADPCM: (block // channels - 7) * 2 + 2,
        _IMA_ADPCM: (block // channels - 4) * 2 + 1,
        _GSM: block // 65 * 320,
    }.get(tag, 0)


def plain_pcm(fmt: bytes, form: Format, pcm: bytes, order: _Order) -> tuple[bytes, bytes]:
    """Rewrite format and samples so that samples are as wide as their blocks: decoders disagree about others."""
    if not form.width:
        return fmt, pcm
    bits = (form.width * 8).to_bytes(2, order)
    per_s = int(form.per_s).to_bytes(4, order)
    wide = fmt[:8] + per_s + fmt[12:14] + bits + fmt[16:18] + bits + fmt[20:]
    return (wide if len(fmt) >= 20 else fmt[:8] + per_s + fmt[12:14] + bits + fmt[16:]), _high(form, pcm, order)  # noqa: PLR2004 - of the format


def _high(form: Format, pcm: bytes, order: _Order) -> bytes:
    """Move samples to the high bytes, where they belong; some programs write them into the low ones."""
    if form.width != 4:  # noqa: PLR2004 - bytes
        return pcm
    kind = np.dtype("<i4" if order == "little" else ">i4")
    samples = np.frombuffer(pcm[: len(pcm) // 4 * 4], kind)
    is_low = len(samples) and max(int(samples.max()), -int(samples.min()) - 1) < 1 << (form.bits - 1)
    return (samples << (32 - form.bits)).astype(kind).tobytes() if is_low else pcm
