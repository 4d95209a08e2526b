"""The respellings of words: a stored dictionary's, and the request's."""

from typing import NamedTuple

from cloning.requests.generate import Generate
from cloning.requests.texts import Read
from cloning.service import Service


class Respellings(NamedTuple):
    """Words and their respellings, and the sha256 of the stored dictionary, if there is one."""

    say: dict[str, str]
    dictionary_sha256: str | None


def respellings_of(service: Service, request: Generate | Read) -> Respellings:
    """
    The respellings of the stored dictionary, if one is named, overridden by the request's own.

    Raises DictionaryNotFound, RecordDamaged, StorageUnavailable, StorageMisconfigured; without a name the bucket is not asked.
    """
    stored = service.dictionaries.get(request.dictionary) if request.dictionary else None
    said = {**(stored.say if stored else {}), **(request.say or {})}
    return Respellings(said, stored.sha256 if stored else None)
