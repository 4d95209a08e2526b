"""
Stored JSON records: their common base, and their validated reading.

Nothing in the bucket is trusted: other programs, operators and half-broken stores write there too. A record is typed and
bounded, and names its voice or job. Before it is reported as damaged it is read twice, and proved to be what the bucket holds.
"""

import json
import math
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from cloning.errors import RecordDamaged, StorageUnavailable
from cloning.ports import ObjectStore, StoredObject, TooLarge

CONTENT_TYPE = "application/json"
# A long text's manifest has some hundred kB.
MOST_BYTES = 16_000_000
MOST_WORDS, LONGEST_WORD, LONGEST_RESPELLING = 500, 100, 200
"""The bounds of a dictionary, in requests and records."""
_MOST_DEPTH = 32
_LARGEST_INT = 2**64
_YEARS = range(2000, 2200)
_LONGEST_MESSAGE = 10_000
_LONGEST_REASON = 300


def _plausible_time(moment: datetime) -> datetime:
    if moment.year not in _YEARS:
        raise ValueError(f"should be in the years {_YEARS[0]} to {_YEARS[-1]}")
    return moment


def _plain(value: dict[str, Any]) -> dict[str, Any]:
    """Return the value if strict JSON can hold it. Raises ValueError."""
    left: list[tuple[Any, int]] = [(value, 0)]
    while left:
        one, depth = left.pop()
        if depth > _MOST_DEPTH:
            raise ValueError(f"should be nested at most {_MOST_DEPTH} deep")
        if (isinstance(one, float) and not math.isfinite(one)) or (isinstance(one, int) and abs(one) > _LARGEST_INT):
            raise ValueError("should hold finite numbers of usual size")
        if isinstance(one, dict | list):
            left += [(item, depth + 1) for item in (one.values() if isinstance(one, dict) else one)]
    return value


def _cut_message(value: object) -> object:
    return f"{value[:_LONGEST_MESSAGE]}... (cut)" if isinstance(value, str) and len(value) > _LONGEST_MESSAGE else value


def _cut_details(value: object) -> object:
    """Drop details that are too large or not JSON: a failure must always fit into its record."""
    if not isinstance(value, dict):
        return value
    try:
        fits = len(json.dumps(value, allow_nan=False, default=str)) <= _LONGEST_MESSAGE
    except (ValueError, TypeError, RecursionError):
        fits = False
    return value if fits else {"cut": True}


Moment = Annotated[AwareDatetime, Field(strict=False), AfterValidator(_plausible_time)]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
"""A sha256 in lower-case hex."""
Label = Annotated[str, Field(max_length=1000)]
Count = Annotated[int, Field(ge=0, le=10**9)]
JsonObject = Annotated[dict[str, Any], AfterValidator(_plain)]
Message = Annotated[str, BeforeValidator(_cut_message)]
Details = Annotated[dict[str, Any], BeforeValidator(_cut_details)]


class Record(BaseModel):
    """The base of records: frozen and strict; unknown fields, from a newer worker, are skipped when read."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True, allow_inf_nan=False)

    def body(self) -> bytes:
        """The stored bytes of the record."""
        return self.model_dump_json().encode()


class KeyedRecord(Record):
    """A record with its own key. `named_by` is the field that holds its name, `advice` what to do about a damaged one."""

    kind: ClassVar[str]
    named_by: ClassVar[str]
    advice: ClassVar[str]


R = TypeVar("R", bound=KeyedRecord)


@dataclass(frozen=True)
class Unreadable:
    """
    A stored record that can't be used: the reason, and its version.

    `is_certain` means that two reads in a row found the same, and that the store proves that it holds this. Without that proof
    (the etags of encrypted objects are not digests) the record may be intact, and something else may answer in the store's place.
    """

    reason: str
    etag: str
    is_certain: bool


@dataclass(frozen=True)
class _Failed:
    """A read without a usable record. `body` is None if it was too large to read; `size` is known even then."""

    reason: str
    etag: str
    size: int
    body: bytes | None
    is_proved: bool


def read_record(store: ObjectStore, key: str, model: type[R], name: str) -> tuple[R, StoredObject] | Unreadable:
    """
    Read the record of `name`, with the object that holds it. Raises what `store.get` raises, including NoSuchObject.

    An unusable body is fetched once more: a store or a proxy that answers with half an object, or with another one, seldom does so
    twice.
    """
    first = _read(store, key, model, name)
    if not isinstance(first, _Failed):
        return first
    is_listed = _is_listed(
        store, key, first
    )  # between the reads, so that the second one sees a record that was repaired meanwhile
    again = _read(store, key, model, name)
    if not isinstance(again, _Failed):
        return again
    return Unreadable(again.reason, again.etag, is_listed and first == again and again.is_proved)


def _read(store: ObjectStore, key: str, model: type[R], name: str) -> tuple[R, StoredObject] | _Failed:
    try:
        stored = store.get(key, most=MOST_BYTES)
    except TooLarge as large:  # the listing proves its size
        return _Failed(f"it has {large.size / 1e6:.1f} MB", large.etag, large.size, None, is_proved=True)
    found = _parsed(stored.body, model, name)
    if isinstance(found, str):
        return _Failed(found, stored.etag, len(stored.body), stored.body, stored.is_proved)
    return found, stored


def _is_listed(store: ObjectStore, key: str, failed: _Failed) -> bool:
    """Whether the store's listing shows an object of that size and version: no other service's reply looks like one."""
    listed = next(iter(store.list(key)), None)
    return listed is not None and (listed.key, listed.size, listed.etag) == (key, failed.size, failed.etag)


def load_record(store: ObjectStore, key: str, model: type[R], name: str) -> tuple[R, StoredObject]:
    """Read a record like `read_record`. Raises RecordDamaged, or StorageUnavailable if the damage is not certain."""
    found = read_record(store, key, model, name)
    if isinstance(found, Unreadable):
        raise unusable(found, model, name)
    return found


def unusable(found: Unreadable, model: type[KeyedRecord], name: str) -> RecordDamaged | StorageUnavailable:
    """The error for an unusable record."""
    details = {model.named_by: name}
    if not found.is_certain:
        return StorageUnavailable(
            f"the record of {model.kind} {name!r} may be damaged, or arrived so ({found.reason}): try again, and if it lasts check "
            "what the bucket holds, and what answers between it and this worker",
            **details,
        )
    return damaged(model, name, found.reason)


def damaged(model: type[KeyedRecord], name: str, reason: str) -> RecordDamaged:
    """The error for a damaged record of `name`."""
    message = f"the record of {model.kind} {name!r} can't be read ({reason}); {model.advice}"
    return RecordDamaged(message, **{model.named_by: name})


def _parsed(body: bytes, model: type[R], name: str) -> R | str:
    """The record, or the reason why it is unusable."""
    try:
        record = model.model_validate_json(body)
    except ValidationError as error:
        return reason_of(error)
    own_name = getattr(record, model.named_by)
    if own_name != name:
        return f"it says that it is {model.kind} {own_name!r}: a {model.kind} can't be copied or renamed by its folder"
    return record


def reason_of(error: ValidationError) -> str:
    """The first problem, without the invalid value."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    field = ".".join(str(part) for part in first["loc"])
    rule = str(first["msg"]).removeprefix("Value error, ").removeprefix("Input ")
    return (f"{field}: {rule}" if field else rule)[:_LONGEST_REASON]
