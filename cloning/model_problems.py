"""Models in the settings that no attempt can load: reported at the worker's start and in `health`, before the first generate."""

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
    Return the problems by the name of the setting; nothing is fetched or loaded.

    Checked are the checkpoints and vocoders of the engines that may speak, and the recogniser. A failure that may pass, such as a
    bucket that does not answer, is not a problem here.
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
