"""A dictionary's record."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Self

from pydantic import AfterValidator, Field, model_validator

from cloning.keys import is_id
from cloning.records import LONGEST_RESPELLING, LONGEST_WORD, MOST_WORDS, Digest, KeyedRecord, Moment

_Word = Annotated[str, Field(min_length=1, max_length=LONGEST_WORD)]
_Respelling = Annotated[str, Field(max_length=LONGEST_RESPELLING)]


def digest_of(say: Mapping[str, str]) -> str:
    """A sha256 over the respellings, whatever their order."""
    return hashlib.sha256(json.dumps(dict(say), sort_keys=True).encode()).hexdigest()


def _name(value: str) -> str:
    if not is_id(value):
        raise ValueError("should be a dictionary's name")
    return value


class Dictionary(KeyedRecord):
    """A dictionary's record, as stored at dictionaries/<name>.json; `say` maps words to their respellings."""

    kind: ClassVar[str] = "dictionary"
    named_by: ClassVar[str] = "dictionary"
    advice: ClassVar[str] = "store it again with replace: true, or delete it"

    dictionary: Annotated[str, AfterValidator(_name)]
    say: Annotated[dict[_Word, _Respelling], Field(max_length=MOST_WORDS)]
    sha256: Digest
    created_at: Moment
    replaced_at: Moment | None = None

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.sha256 != digest_of(self.say):
            raise ValueError("sha256 should be that of the respellings")
        return self


@dataclass(frozen=True)
class Listed:
    """A dictionary whose record can't be read, and why."""

    dictionary: str
    problem: str
