"""Recordings of consecutive frames without an index: MP3 (and its layers I and II), AAC (ADTS), AMR."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from cloning.audio.lengths import Piece, tag_end
from cloning.audio.signatures import Signatures

_BITRATES = {
    (1, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (1, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (1, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (2, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (2, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (2, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_MP3_RATES = (44_100, 48_000, 32_000)
_AAC_RATES = (96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350)
_AMR_SIZES = {"nb": (13, 14, 16, 18, 20, 21, 27, 32, 6), "wb": (18, 24, 33, 37, 41, 47, 51, 59, 61, 6)}
_AMR_NO_DATA = (14, 15)
_SURE = 3  # so many frames in a row are no coincidence
_MOST_TRIES = 200_000
_LITTLE = 500  # bytes: less than a frame of most files
_DELAY = 3 * 1152  # samples that an encoder adds before and after, and a decoder removes


@dataclass(frozen=True)
class Frame:
    """One frame: bytes, samples, and the values that are constant within one recording."""

    size: int
    samples: int
    rate: int
    channels: int
    kind: int

    @property
    def stream(self) -> tuple[int, int, int]:
        """The values that are constant within one recording: a change means another recording."""
        return self.rate, self.channels, self.kind & 0x1E


Parse = Callable[[bytes, int], Frame | None]


def mp3_frame(data: bytes, at: int) -> Frame | None:
    """The frame of MPEG audio that begins here; free formats are not accepted."""
    head = data[at : at + 4]
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:  # noqa: PLR2004 - of the format
        return None
    version, layer, bits, rate = head[1] >> 3 & 3, 4 - (head[1] >> 1 & 3), head[2] >> 4, head[2] >> 2 & 3
    if version == 1 or layer == 4 or bits in (0, 15) or rate == 3:  # noqa: PLR2004 - reserved
        return None
    divisor = {3: 1, 2: 2, 0: 4}[version]
    hertz = _MP3_RATES[rate] // divisor
    samples = 384 if layer == 1 else 576 if layer == 3 and divisor > 1 else 1152  # noqa: PLR2004 - the layers
    bitrate = _BITRATES[min(divisor, 2), layer][bits - 1] * 1000
    slot = 4 if layer == 1 else 1
    size = (samples // 8 * bitrate // hertz // slot + (head[2] >> 1 & 1)) * slot
    channels = 1 if head[3] >> 6 == 3 else 2  # noqa: PLR2004 - mono
    return Frame(size, samples, hertz, channels, head[1] & 0xFE)


def adts_frame(data: bytes, at: int) -> Frame | None:
    """The AAC frame with an ADTS head that begins here."""
    head = data[at : at + 7]
    if len(head) < 7 or head[0] != 0xFF or head[1] & 0xF6 != 0xF0 or head[2] >> 2 & 15 >= len(_AAC_RATES):  # noqa: PLR2004
        return None
    size = (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5
    channels = (head[2] & 1) << 2 | head[3] >> 6
    return Frame(size, 1024 * ((head[6] & 3) + 1), _AAC_RATES[head[2] >> 2 & 15], channels, 0) if size > 7 else None  # noqa: PLR2004


def _amr_frame(sizes: tuple[int, ...], rate: int) -> Parse:
    def frame(data: bytes, at: int) -> Frame | None:
        if (
            at >= len(data) or data[at] & 0x83 or not data[at]
        ):  # a zero is not a frame: files are often followed by zeros
            return None
        mode = data[at] >> 3 & 15
        size = 1 if mode in _AMR_NO_DATA else sizes[mode] if mode < len(sizes) else 0
        return Frame(size, rate // 50, rate, 1, 0) if size else None

    return frame


_PARSERS: dict[str, Parse] = {"mp3": mp3_frame, "aac": adts_frame}


def has_frames(name: str, data: bytes, at: int, *, at_end: bool = True) -> bool:
    """Whether several frames of this kind ('mp3', 'aac') follow here, or, if `at_end`, fewer that reach the end of the file."""
    parse, first = _PARSERS[name], _PARSERS[name](data, at)
    for count in range(_SURE):
        frame = parse(data, at)
        if frame is None or first is None or (frame.rate, frame.kind) != (first.rate, first.kind):
            return at_end and count > 0 and at >= len(data)
        at += frame.size
    return True


def framed(name: str, data: bytes) -> tuple[list[Piece], int]:
    """Return the recordings of an MP3, ADTS or AMR file, without anything between their frames; and their end."""
    if name == "amr":
        wide = data.startswith(b"#!AMR-WB")
        parse, begin = (
            _amr_frame(*((_AMR_SIZES["wb"], 16_000) if wide else (_AMR_SIZES["nb"], 8_000))),
            data.find(b"\n") + 1,
        )
    else:
        parse, begin = _PARSERS[name], 0
    walk = _Walk(name, data, parse, begin)
    walk.run()
    return list(walk.pieces()), walk.end


@dataclass
class _Run:
    """The frames of one recording, and the length that its Xing or VBRI head announces."""

    first: Frame
    begin: int
    spans: list[tuple[int, int]] = field(default_factory=list)
    samples: int = 0
    announced: int | None = None
    head: tuple[int, int] | None = None
    is_torn: bool = False  # other bytes are between its frames


class _Walk:
    """One walk over a file, frame by frame; linear for any bytes."""

    def __init__(self, name: str, data: bytes, parse: Parse, begin: int) -> None:
        self._name, self._data, self._parse, self._at, self._begin = name, data, parse, begin, begin
        self._runs: list[_Run] = []
        self._junk = self._damage = self._zeros = 0
        self._is_cut = False
        self._signatures, self._last = Signatures(data), begin
        self._next_of = dict.fromkeys((b"\xff", b"ID3", b"APETAGEX"), -1)
        self.end = len(data)
        self._follows = name == "amr"  # a frame directly follows another: nothing else can be here

    def run(self) -> None:
        """Read every byte once."""
        tries = 0
        while self._at < self.end and tries < _MOST_TRIES:
            frame = self._parse(self._data, self._at)
            if frame is not None and self._follows and self._at + frame.size > len(self._data):
                break
            if frame is not None and (self._follows or self._is_sure(frame)):
                self._take(frame)
            else:
                tries += self._skip()
        self._is_cut |= self._at < self.end

    def _skip(self) -> int:
        """Move past a tag, or to where a frame or a tag may begin; return 1 if the skipped bytes are not a tag."""
        end = tag_end(self._data, self._at)
        self._follows = self._name == "amr"
        if self._runs:
            self._runs[-1].is_torn = True
        if end is not None:
            self._at = end
            return 0
        if self._another():
            return 0
        after = self._at + 1 if self._follows else self._find(b"\xff", self._at + 1)
        # A tag may hold bytes that look like a frame, so look for the tag first.
        tag = min(self._find(b"ID3", self._at + 1), self._find(b"APETAGEX", self._at + 1))
        end = min(after, tag)
        end = self._signatures.first(self._at, end) or end
        self._junk += end - self._at
        if self._runs:
            # Zeros after a recording don't count; whether they are after or inside it depends on the next frame.
            zeros = self._data.count(b"\0", self._at, end)
            self._zeros += zeros
            self._damage += end - self._at - zeros
        self._at = end
        return 1

    def _another(self) -> bool:
        """Whether a recording of another kind begins here, or began in the last frame, which is then incomplete."""
        signature = self._signatures.first(self._last + 1, self._at + 1) if self._runs else None
        is_other = any(has_frames(one, self._data, self._at, at_end=False) for one in _PARSERS if one != self._name)
        if signature is None and not (self._runs and is_other):
            return False
        self.end = self._at if signature is None else signature
        self._is_cut = self._at > self.end
        return True

    def _find(self, needle: bytes, begin: int) -> int:
        """The next place of these bytes, or the end; the bytes before it are read once."""
        if self._next_of[needle] < begin:
            found = self._data.find(needle, begin)
            self._next_of[needle] = found if found >= 0 else len(self._data)
        return self._next_of[needle]

    def _is_sure(self, frame: Frame) -> bool:
        """Whether another frame, a tag or the end follows; a single frame may be a coincidence."""
        after = self._at + frame.size
        following = self._parse(self._data, after)
        if following is not None:
            return following.rate == frame.rate and following.kind == frame.kind
        return after == len(self._data) or (bool(self._runs) and tag_end(self._data, after) is not None)

    def _take(self, frame: Frame) -> None:
        announced = _announced(self._data, self._at, frame) if self._name == "mp3" else None
        run = self._runs[-1] if self._runs else None
        if run is None or announced is not None or frame.stream != run.first.stream:
            run = _Run(frame, self._at)
            self._runs.append(run)
            self._zeros = 0
        self._damage, self._zeros, self._last = self._damage + self._zeros, 0, self._at
        if announced is not None:
            run.announced, run.head = announced, (self._at, self._at + frame.size)
        else:
            run.spans.append((self._at, self._at + frame.size))
            run.samples += frame.samples
        self._at += frame.size
        self._follows = True

    def pieces(self) -> Iterator[Piece]:
        """The recordings found, in a form that decoders read; the last may be cut."""
        runs = [run for run in self._runs if run.spans]
        for run in runs:
            rate, samples = run.first.rate, run.first.samples
            announced = run.announced * samples / rate if run.announced else None
            held = run.samples / rate
            warnings = tuple(self._warnings(held)) if run is runs[-1] else ()
            yield Piece(self._bytes(run, runs, announced, held), held, announced, None, _DELAY / rate, warnings)

    def _warnings(self, held: float) -> Iterator[dict[str, str]]:
        """Warnings about damage: no header announces the length, but the caller may know it."""
        if self._is_cut:
            message = (
                f"the file ends in the middle of a frame: it may have been cut; the {held:.2f} s that it holds are used"
            )
            yield {"code": "CUT", "message": message}
        if self._damage > _LITTLE:
            sound = sum(end - begin for begin, end in self._runs[-1].spans)
            missing = self._damage * held / sound
            message = (
                f"{self._damage} bytes between the frames can't be read (about {missing:.2f} s); "
                f"the {held:.2f} s of the other frames are used"
            )
            yield {"code": "DAMAGE", "message": message}

    def _bytes(self, run: _Run, runs: list[_Run], announced: float | None, held: float) -> bytes:
        is_right = announced is None or abs(announced - held) < 3 * run.first.samples / run.first.rate
        head = self._data[run.head[0] : run.head[1]] if run.head and is_right else b""
        sound = sum(end - begin for begin, end in run.spans)
        has_size = not head or _is_of_size(head, run.first, sound + len(head))
        if len(runs) == 1 and is_right and has_size and not self._junk and self._name != "amr":
            return self._data[: self.end] if self._data.startswith(b"ID3") else self._data[run.begin : self.end]
        frames = b"".join(self._data[begin:end] for begin, end in run.spans)
        return self._data[: self._begin] + (_of_size(head, run.first, sound + len(head)) if head else b"") + frames


def _xing(body: bytes, frame: Frame) -> int | None:
    """Where the fields of a Xing or Info head begin: its flags, then frames and bytes if the flags say so."""
    is_first = frame.kind & 8 != 0
    side = (17 if frame.channels == 1 else 32) if is_first else (9 if frame.channels == 1 else 17)
    return next((at + 4 for at in (4 + side, 6 + side) if body[at : at + 4] in (b"Xing", b"Info")), None)


def _announced(data: bytes, at: int, frame: Frame) -> int | None:
    """The number of frames that a Xing, Info or VBRI head announces, 0 if it doesn't; None if this frame is sound."""
    body = data[at : at + frame.size]
    if body[36:40] == b"VBRI":
        return int.from_bytes(body[50:54], "big")
    begin = _xing(body, frame)
    if begin is None:
        return None
    return int.from_bytes(body[begin + 4 : begin + 8], "big") if body[begin + 3] & 1 else 0


def _size_at(head: bytes, frame: Frame) -> int | None:
    begin = _xing(head, frame)
    return None if begin is None or head[begin + 3] & 3 != 3 else begin + 8  # noqa: PLR2004 - both frames and bytes


def _is_of_size(head: bytes, frame: Frame, size: int) -> bool:
    at = _size_at(head, frame)
    return at is None or abs(int.from_bytes(head[at : at + 4], "big") - size) * 100 <= size


def _of_size(head: bytes, frame: Frame, size: int) -> bytes:
    """The head with this size: mpg123 writes to stderr if the file has another."""
    at = _size_at(head, frame)
    return head if at is None else head[:at] + size.to_bytes(4, "big") + head[at + 4 :]
