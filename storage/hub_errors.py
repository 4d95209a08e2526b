"""
Failures of the model hub: whether a later call may succeed, or a name must be corrected.

The errors of huggingface_hub, transformers and HTTP clients are recognised by their class names, so that nothing is imported.
transformers wraps them in an OSError of its own, so the whole chain of causes is examined.
"""

from collections.abc import Iterator

from cloning.errors import HubUnavailable, ServiceError

_GATED = "its owner must grant access: accept its terms on the hub and set HF_TOKEN"
_ABSENT = "the hub doesn't have it (a private one needs HF_TOKEN): check the spelling"
_NO_NAME = "that is not a name on the hub: use owner/name"
_REFUSED = "the hub refuses it: check the name, and HF_TOKEN"
_LASTING = {
    "GatedRepoError": _GATED,
    "DisabledRepoError": _REFUSED,
    "RepositoryNotFoundError": _ABSENT,
    "RevisionNotFoundError": _ABSENT,
    "EntryNotFoundError": _ABSENT,
    "HFValidationError": _NO_NAME,
}
_NOT_REACHED = "LocalEntryNotFoundError"  # an EntryNotFoundError whose cause says why the hub was not reached
_PASSING = {
    "OfflineModeIsEnabled",
    "ConnectionError",
    "TimeoutError",
    "TransportError",
    "Timeout",
    "ProtocolError",
}
_BY_STATUS = {401: _ABSENT, 403: _REFUSED, 404: _ABSENT, 410: _ABSENT, 451: _REFUSED}


def lasting_reason(error: BaseException) -> str | None:
    """Why no later call can succeed, with what to do; None if one may."""
    for each in _chain(error):
        names = _names(each)
        if names & _PASSING:
            return None
        if reason := next((_LASTING[name] for name in _LASTING if name in names and _NOT_REACHED not in names), None):
            return reason
        if reason := _BY_STATUS.get(_status(each) or 0):
            return reason
    return None


def is_hub_trouble(error: BaseException) -> bool:
    """Whether the hub or the connection to it failed, not the fetched file."""
    return any(_names(each) & (_PASSING | _LASTING.keys()) or _status(each) for each in _chain(error))


def hub_failure(error: BaseException, what: str, lasting: type[ServiceError], **details: object) -> ServiceError:
    """
    The failure to raise for `what` ("the vocoder x"): `lasting` if no later call can succeed, else HubUnavailable.

    `details` become the failure's details, as in any ServiceError.
    """
    if reason := lasting_reason(error):
        return lasting(f"{what} can't be fetched ({type(error).__name__}): {reason}", **details)
    return HubUnavailable(
        f"{what} can't be fetched ({type(error).__name__}): the hub could not be reached. The same call may work later; or put "
        "the files into a folder",
        **details,
    )


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        yield error
        seen.add(id(error))
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _names(error: BaseException) -> set[str]:
    return {kind.__name__ for kind in type(error).__mro__}


def _status(error: BaseException) -> int | None:
    """The error's HTTP status, if any."""
    status = getattr(getattr(error, "response", None), "status_code", None)
    return status if isinstance(status, int) else None
