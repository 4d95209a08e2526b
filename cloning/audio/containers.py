"""Recognition of a file by its first bytes: an accepted container, or something else, which the error names."""

import re

from cloning.audio.frame_formats import has_frames
from cloning.audio.frame_runs import first_run
from cloning.audio.lengths import tag_end
from cloning.audio.signatures import first_signature
from cloning.errors import InvalidAudio

TAKEN = "WAV, FLAC, MP3, OGG, M4A/AAC, WebM, AIFF, CAF or AMR"
_LOOKED_THROUGH = 64 * 1024
_HEAD = 1024
# The accepted containers: (offset, bytes there, name).
_OURS = (
    (0, rb"RIF[FX]....WAVE|(RF|BW)64....WAVE", "wav"),
    (0, rb"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\0\0", "wav"),  # Wave64
    (0, rb"FORM....AIF[FC]", "aiff"),
    (0, rb"caff\0\x01", "caf"),
    (0, rb"fLaC[\0\x80]\0\0\x22", "flac"),
    (0, rb"OggS\0", "ogg"),
    (0, rb"#!AMR(-WB)?\n", "amr"),
    (0, rb"\x1a\x45\xdf\xa3", "matroska"),
    (0, rb"[\0-\x08]...(ftyp(?!heic|heix|hevc|mif1|msf1|avif|avis)|moov|mdat|wide|free|skip|pnot)", "mp4"),
)
_FOREIGN = (
    (4, rb"ftyp", "an image (HEIC or AVIF)"),
    (0, rb"RIFF....WEBP", "an image (WebP)"),
    (0, rb"RIFF....AVI ", "a video (AVI)"),
    (0, rb"MThd|RIFF....RMID", "MIDI: notes, no sound"),
    (0, rb"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "Windows Media (WMA, WMV or ASF)"),
    (0, rb"\x89PNG", "an image (PNG)"),
    (0, rb"\xff\xd8\xff", "an image (JPEG)"),
    (0, rb"GIF8", "an image (GIF)"),
    (0, rb"BM....\0\0\0\0", "an image (BMP)"),
    (0, rb"II\*\0|MM\0\*", "an image (TIFF)"),
    (0, rb"%PDF", "a PDF"),
    (0, rb"PK(\x03\x04|\x05\x06)", "a ZIP archive (or a document of an office program)"),
    (0, rb"\x1f\x8b", "a gzip archive"),
    (0, rb"BZh\d|\xfd7zXZ|7z\xbc\xaf|Rar!|\x28\xb5\x2f\xfd", "an archive"),
    (257, rb"ustar", "a tar archive"),
    (0, rb"FLV\x01", "a video (FLV)"),
    (0, rb"\0\0\x01[\xba\xb3]", "a video (MPEG)"),
    (0, rb"G.{187}G.{187}G", "a video (MPEG transport stream)"),
    (0, rb"\.snd", "AU"),
    (0, rb"Creative Voice File", "VOC"),
    (0, rb"wvpk", "WavPack"),
    (0, rb"MAC ", "Monkey's Audio (APE)"),
    (0, rb"MPCK|MP\+", "Musepack"),
    (0, rb"DSD |FRM8", "DSD"),
    (0, rb"\.RMF|\.ra\xfd", "RealAudio"),
    (0, rb"TTA[12]", "True Audio"),
    (0, rb"FORM....8SVX", "IFF 8SVX"),
    (0, rb"\x93NUMPY", "a NumPy array"),
    (0, rb"\x7fELF|MZ", "a program"),
)
_HTML = re.compile(r"<(!doctype html|html|head|body|script|title|meta)\b", re.IGNORECASE)
_TEXTS = (
    (re.compile(r"#EXTM3U|ffconcat|\[playlist\]", re.IGNORECASE), "a playlist, which holds no sound"),
    (re.compile(r"(<\?xml.*?)?<svg\b", re.IGNORECASE | re.DOTALL), "an image (SVG)"),
    (re.compile(r"<\?xml|<\w+[^<>]*>"), "XML"),
    (re.compile(r"[{\[]"), "JSON"),
    (re.compile(r"--[^\r\n]+\r?\ncontent-", re.IGNORECASE), "a form's multipart body"),
    (re.compile(r"version https://git-lfs"), "a Git LFS pointer, which only names the file"),
    (
        re.compile(r"data:[^,]{0,100},|[A-Za-z0-9+/_-]{64}", re.IGNORECASE),
        "text that looks like base64 (encoded twice?)",
    ),
)


def opened(data: bytes) -> tuple[str, bytes]:
    """
    Return the container's name, and the file without tags, zeros and junk ahead of it.

    Raises InvalidAudio unless it is a recording in an accepted container.
    """
    begin = _begin(data)
    if found := _ours(data, begin):
        return found, data[begin:] if begin and found != "mp3" else data
    what = "nothing but zeros" if begin >= len(data) else _at(data, begin, _FOREIGN)
    if what is None and (later := _later(data, begin)):
        return later[0], data[later[1] :]
    if what := what or text_kind(data[begin : begin + _HEAD]):
        raise undecodable(data, f"it is {what}, not a recording that can be read")
    raise undecodable(data, "its format is unknown")


def behind(data: bytes, end: int) -> tuple[str, int] | None:
    """Find the next recording after this end: its container and where it begins; None if nothing there looks like one."""
    begin = max(_begin(data, end), end)
    if found := _ours(data, begin):
        return found, begin
    signature = first_signature(data, end)
    run = first_run(data, end, signature[0] if signature else None) or signature
    return (run[1], run[0]) if run else None


def no_recording(data: bytes) -> str | None:
    """The kind of a text that was sent instead of a recording; None if the data begin like a recording, even with text in tags."""
    begin = _begin(data)
    return None if begin < len(data) and _ours(data, begin) else text_kind(data[begin:])


def undecodable(data: bytes, why: str) -> InvalidAudio:
    """The error for a refused file, with the accepted formats."""
    return InvalidAudio(f"audio can't be decoded ({len(data)} bytes): {why}; send {TAKEN}", bytes=len(data))


def text_kind(data: bytes) -> str | None:
    """The kind of a text ('a web page (HTML)', 'JSON', 'text'); None for bytes that are not text."""
    plain = data[:_HEAD].decode("latin-1").removeprefix("\xef\xbb\xbf").lstrip()
    if plain.startswith("<") and _HTML.search(plain):  # in any encoding
        return "a web page (HTML)"
    text = _as_text(data[:_HEAD])
    if text is None:
        return None
    if text.lstrip().startswith("<") and _HTML.search(text):
        return "a web page (HTML)"
    return next((kind for pattern, kind in _TEXTS if pattern.match(text.lstrip())), "text")


def _as_text(head: bytes) -> str | None:
    encoding = "utf-16" if head.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    text = head.decode(encoding, errors="replace").rstrip("\ufffd")
    odd = sum(not (one.isprintable() or one.isspace()) or one == "\ufffd" for one in text)
    return text if text.strip() and odd * 50 <= len(text) else None


def _begin(data: bytes, position: int = 0) -> int:
    """Where, from here on, the tags and zeros end."""
    before = -1
    while position != before:
        before = position
        position = tag_end(data, position) or position
        if data[position : position + 1] == b"\0" and not _at(data, position, _OURS):
            position = match.start() if (match := re.compile(rb"[^\0]").search(data, position)) else len(data)
    # The first box of an MP4 begins with a length, which begins with zeros.
    boxes = (max(position - back, 0) for back in range(1, 4))
    return next((box for box in boxes if _at(data, box, _OURS) == "mp4"), position)


def _ours(data: bytes, begin: int) -> str | None:
    return _at(data, begin, _OURS) or next((name for name in ("mp3", "aac") if has_frames(name, data, begin)), None)


def _at(data: bytes, begin: int, table: tuple[tuple[int, bytes, str], ...]) -> str | None:
    head = data[begin : begin + _HEAD]
    return next((name for skip, magic, name in table if re.compile(magic, re.DOTALL).match(head, skip)), None)


def _later(data: bytes, begin: int) -> tuple[str, int] | None:
    """Find the first container after junk. A tag that claims to be longer than the file may have any length."""
    end = len(data) if data.startswith(b"ID3", begin) else min(begin + _LOOKED_THROUGH, len(data))
    signature = first_signature(data, begin, end)
    found = [(signature[1], signature[0])] if signature else []
    for match in re.finditer(rb"\xff[\xe0-\xff]", data[begin : signature[0] if signature else end]):
        at = begin + match.start()
        if name := next((one for one in ("mp3", "aac") if has_frames(one, data, at, at_end=False)), None):
            return name, at
    return found[0] if found else None
