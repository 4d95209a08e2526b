"""The size of a vocab.txt."""

from pathlib import Path

from cloning.errors import CheckpointUnusable
from storage.plain_text import NotText, vocabulary


def vocabulary_size(vocab: Path) -> int:
    """The number of entries that f5_tts's tokenizer reads from a vocab.txt. Raises CheckpointUnusable if it is not text, OSError."""
    try:
        return len(vocabulary(vocab))
    except NotText as error:
        raise CheckpointUnusable(
            f"the checkpoint's vocab.txt is not UTF-8 text with one entry a line: {error}"
        ) from error
