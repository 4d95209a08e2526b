"""How many entries a vocab.txt has."""

from pathlib import Path

from cloning.errors import CheckpointUnusable


def vocabulary_size(vocab: Path) -> int:
    """
    How many entries f5_tts's tokenizer makes of a vocab.txt: it cuts each line's last character and joins equal lines.

    Raises CheckpointUnusable if the file is not text.
    """
    try:
        with vocab.open(encoding="utf-8") as lines:
            return len({line[:-1] for line in lines})
    except UnicodeDecodeError as error:
        raise CheckpointUnusable("the checkpoint's vocab.txt is not UTF-8 text with one entry a line") from error
