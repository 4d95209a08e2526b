"""What the deployment names and no attempt can load: told at the worker's start and in `health`, not at the first generate."""

from collections.abc import Callable
from functools import partial
from typing import Any

from cloning.errors import CheckpointUnusable, InvalidRequest, ServiceError
from cloning.planning.engine_kinds import KINDS
from cloning.ports import Engines, Models, Transcriber
from cloning.settings import Settings

ASR_MODEL = "ASR_MODEL"


def model_problems(
    settings: Settings, engines: Engines[Any], transcribers: Models[Transcriber]
) -> dict[str, ServiceError]:
    """
    By the name of the setting, what is wrong with it; nothing is fetched or loaded.

    Looked at are the checkpoints and vocoders of the engines that may speak, and the recogniser. What may pass, such as a bucket
    that does not answer, is no problem here.
    """
    found: dict[str, ServiceError] = {}
    for engine in settings.engines:
        kind = KINDS[engine]
        _look(found, kind.setting, partial(engines.check, kind.checkpoint(settings), engine=engine))
    _look(found, ASR_MODEL, partial(transcribers.check, settings.asr_model))
    return found


def _look(found: dict[str, ServiceError], setting: str, check: Callable[[], object]) -> None:
    try:
        check()
    except ServiceError as error:
        if not error.retryable:
            setting = str(error.details.get("setting", setting))
            kind = CheckpointUnusable if isinstance(error, InvalidRequest) else type(error)
            said = f"this deployment's {setting} can't be used: {error.message}"
            found[setting] = kind(said, **{**error.details, "setting": setting})
