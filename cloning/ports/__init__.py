"""
The interfaces that the service needs.

    store    a bucket
    listing  a walk through a bucket's listing that always ends
    engine   an engine and its inputs
    hearing  a recogniser and its answers
    runtime  time, and models by name
    gpu      the one GPU thread and its queue
"""

from cloning.ports.engine import (
    Alphabet,
    Engine,
    EngineFacts,
    F5Parameters,
    Parameters,
    Reference,
    Samples,
    SpeaksMany,
    Utterance,
    XttsParameters,
    keep_going,
)
from cloning.ports.hearing import (
    AddedPhones,
    Alignment,
    LikelihoodRatio,
    PhoneModel,
    SpeakerModel,
    Token,
    Transcriber,
    Transcript,
    Unaligned,
)
from cloning.ports.runtime import (
    Clock,
    Engines,
    Models,
    Value,
)
from cloning.ports.store import (
    AlreadyExists,
    Changed,
    DigestMismatch,
    NoSuchObject,
    ObjectInfo,
    ObjectStore,
    Progress,
    StoredObject,
    TooLarge,
    UrlLife,
)

__all__ = [
    "AddedPhones",
    "Alignment",
    "Alphabet",
    "AlreadyExists",
    "Changed",
    "Clock",
    "DigestMismatch",
    "Engine",
    "EngineFacts",
    "Engines",
    "F5Parameters",
    "LikelihoodRatio",
    "Models",
    "NoSuchObject",
    "ObjectInfo",
    "ObjectStore",
    "Parameters",
    "PhoneModel",
    "Progress",
    "Reference",
    "Samples",
    "SpeakerModel",
    "SpeaksMany",
    "StoredObject",
    "Token",
    "TooLarge",
    "Transcriber",
    "Transcript",
    "Unaligned",
    "UrlLife",
    "Utterance",
    "Value",
    "XttsParameters",
    "keep_going",
]
