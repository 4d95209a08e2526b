"""
The engines that may speak a request, in which order and with which values; and which of them did. None of this needs the text.

One rule for values: every engine that may speak must have every value that the request gives. A value that an engine lacks is
refused by name, so that a fallback never drops one; without a fallback only the chosen engine must have them.
"""

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from cloning.errors import CheckpointUnusable, InvalidRequest, ServiceError
from cloning.failures import machine_trouble
from cloning.names import EngineName, ProfileName, public_name
from cloning.parameters import EngineWishes, engines_with, resolved
from cloning.planning.engine_kinds import KINDS, EngineKind
from cloning.ports import EngineFacts, Engines, Parameters
from cloning.settings import Settings

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Candidate:
    """
    An engine that may speak, with its checkpoint's name and its values; `profile` is its counterpart of the requested one.

    `found` is the checkpoint once it was checked; or `problem` says why it can't be used, and another engine may speak.
    """

    engine: EngineName
    checkpoint: str
    profile: ProfileName
    parameters: Parameters
    found: Any = None
    problem: CheckpointUnusable | None = None

    @property
    def kind(self) -> EngineKind:
        return KINDS[self.engine]


@dataclass(frozen=True)
class Choice:
    """The engine that speaks, its language, and the engines that failed before. `failed` has each failure, in order."""

    candidate: Candidate
    facts: EngineFacts
    language: str | None
    failed: Mapping[EngineName, ServiceError]

    def manifest(self) -> dict[str, object]:
        """The facts of the engine and its values."""
        return {**vars(self.facts), "language": self.language, "parameters": asdict(self.candidate.parameters)}

    def to_json(self, wishes: EngineWishes, settings: Settings) -> dict[str, object]:
        """The fields of reply, record, manifest and log that say which engine spoke, and why."""
        return {
            "engine_requested": wishes.engine or settings.engine,
            "engine_used": self.facts.engine,
            "engine_fallback": bool(self.failed),
            "fallback_reason": _reason(self.failed),
            "profile_requested": wishes.profile,
            "profile_applied": self.candidate.profile,
            "license_notice": self.facts.license_notice,
        }


def told_of_fallback(candidates: tuple[Candidate, ...], failed: Mapping[EngineName, ServiceError]) -> dict[str, object]:
    """The details that a later failure has after a fallback: which engine was used in place of the requested one, and why; else none."""
    if not 0 < len(failed) < len(candidates):  # a failure of all says so itself
        return {}
    return {
        "engine_requested": candidates[0].engine,
        "engine_used": candidates[len(failed)].engine,
        "engine_fallback": True,
        "fallback_reason": _reason(failed),
    }


def _reason(failed: Mapping[EngineName, ServiceError]) -> str | None:
    return "; ".join(f"{engine}: {error.code}: {error.message}" for engine, error in failed.items()) or None


def candidates_of(wishes: EngineWishes, settings: Settings) -> tuple[Candidate, ...]:
    """
    The engines that may speak, the requested one first.

    Raises InvalidRequest for a value that one of them lacks, for values that contradict each other, and for a fallback that names
    an engine twice: the same engine would only have other weights to offer.
    """
    first = wishes.engine or settings.engine
    others = [engine for engine in settings.fallback if engine != first]
    order = (first, *(others if wishes.fallback is None else wishes.fallback))
    if len(set(order)) < len(order):
        raise InvalidRequest(
            f"fallback names other engines than the one that is asked for ({first!r}), each once; got {list(wishes.fallback or ())}",
            field="fallback",
        )
    _refuse_foreign_values(wishes.values, order)
    for engine in order:
        KINDS[engine].refuse_contradictions(wishes.values)
    return tuple(_candidate(engine, wishes, settings) for engine in order)


def _candidate(engine: EngineName, wishes: EngineWishes, settings: Settings) -> Candidate:
    profile, parameters = resolved(engine, wishes.profile, wishes.values)
    asked = wishes.checkpoint if engine == (wishes.engine or settings.engine) else None
    return Candidate(engine, asked or KINDS[engine].checkpoint(settings), profile, parameters)


def _refuse_foreign_values(given: Mapping[str, Any], order: tuple[EngineName, ...]) -> None:
    for name in given:
        known = engines_with(name)
        if lacking := [engine for engine in order if engine not in known]:
            way_out = (
                f"send engine {known[0]!r}" if len(order) == 1 else "send fallback [] or name no engine without it"
            )
            raise InvalidRequest(
                f"{name} is a value of the engine {' and '.join(map(repr, known))}; {lacking[0]!r}, which may speak here, doesn't have it: "
                f"leave it out, or {way_out}", field=name, engines=list(known), lacking=lacking,
            )  # fmt: skip


def check_candidates(
    engines: Engines[Any], candidates: tuple[Candidate, ...], wishes: EngineWishes, *, of_voice: str | None
) -> tuple[Candidate, ...]:
    """
    Look up the candidates' checkpoints; refuse what any of them can't do before anything is stored or loaded.

    `of_voice` is the voice's language: XTTS speaks it if the request names none; F5-TTS takes the text as it is, in any voice.
    A checkpoint that can't be used doesn't refuse the request while another engine may speak. Raises InvalidRequest or one of its kinds (a
    licence that is not accepted, an unknown name), CheckpointUnusable (also for an unknown name in the settings),
    StorageUnavailable.
    """
    checked: list[Candidate] = []
    for candidate in candidates:
        try:
            found = engines.check(
                candidate.checkpoint,
                engine=candidate.engine,
                commercial=wishes.require_commercial,
                language=wishes.language or (of_voice if candidate.kind.needs_language else None),
            )
            checked.append(replace(candidate, found=found))
        except CheckpointUnusable as error:
            checked.append(replace(candidate, problem=error))
        except InvalidRequest as error:
            if error.details.get("field") != "checkpoint" or candidate.checkpoint == wishes.checkpoint:
                raise
            raise _misconfigured(candidate, error) from error
    failed = {one.engine: one.problem for one in checked if one.problem}
    if len(failed) == len(candidates):
        raise nobody_spoke(failed)
    return tuple(checked)


def _misconfigured(candidate: Candidate, error: InvalidRequest) -> CheckpointUnusable:
    """The error for a checkpoint that the deployment names, not the caller."""
    setting = candidate.kind.setting
    return CheckpointUnusable(f"this deployment's {setting} can't be used: {error.message}", setting=setting)


def note_unusable(
    candidate: Candidate, error: CheckpointUnusable, failed: dict[EngineName, ServiceError], *, job: str
) -> None:
    """
    Note in `failed` and the log that the candidate's checkpoint can't be used, so that the next engine may speak.

    Another failure is no reason for another engine: memory, hub and bucket may be available for the next call, and only a person can
    accept a licence. Raises the machine's failure, if that caused this one.
    """
    if (trouble := machine_trouble(error)) is not None:
        raise trouble from error
    failed[candidate.engine] = error.copied()  # its traceback holds what was loaded so far
    facts = {"engine": candidate.engine, "checkpoint": public_name(candidate.checkpoint), "code": error.code}
    log.warning("engine.unusable", extra={"job": job, **facts})


def nobody_spoke(failed: Mapping[EngineName, ServiceError]) -> CheckpointUnusable:
    """The first engine's failure, with those of the other engines."""
    errors = list(failed.values())
    others = "".join(f"; {engine} can't speak either: {error.message}" for engine, error in list(failed.items())[1:])
    details = {
        "engine_requested": next(iter(failed)),
        "engine_used": None,
        "engine_fallback": False,
        "reasons": {engine: error.message for engine, error in failed.items()},
    }
    return CheckpointUnusable(f"{errors[0].message}{others}", **{**errors[0].details, **details})


def needs_transcript(candidates: tuple[Candidate, ...]) -> bool:
    """Whether any engine that may speak needs the reference's transcript."""
    return any(candidate.kind.needs_transcript for candidate in candidates)


def text_language(asked: str | None, candidates: tuple[Candidate, ...], of_voice: str | None) -> str | None:
    """The text's language. Raises InvalidRequest if an engine that may speak needs one and doesn't speak it."""
    for candidate in candidates:
        if candidate.kind.needs_language:
            return candidate.kind.language(asked, of_voice)
    return asked or of_voice
