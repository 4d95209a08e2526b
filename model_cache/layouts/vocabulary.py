"""How many entries a vocab.txt has."""

from pathlib import Path

from cloning.errors import CheckpointUnusable
from storage.plain_text import NotText, vocabulary


def vocabulary_size(vocab: Path) -> int:
    """How many entries f5_tts's tokenizer makes of a vocab.txt. Raises CheckpointUnusable if the file is not text, OSError."""
    try:
        return len(vocabulary(vocab))
    except NotText as error:
        raise CheckpointUnusable(
            f"the checkpoint's vocab.txt is not UTF-8 text with one entry a line: {error}"
        ) from error
