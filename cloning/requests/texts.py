"""Requests about how texts are spoken: dictionaries of respellings, and the reading of a text."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, Field, ValidationInfo, model_validator

from cloning.language import Language
from cloning.names import EngineName
from cloning.requests.fields import DictionariesCursor, Id, Request, Say, VoiceId, refuse_too_long, speakable


class StoreDictionary(Request):
    """Store a dictionary of respellings, which `generate` and `read` can name."""

    action = "dictionary"
    dictionary: Id = Field(description="its name: 1 to 64 letters, digits, '.', '_', '-'")
    say: Say = Field(description='respellings of whole words: `{"GIF": "jif"}`; at most 500')
    replace: bool = Field(default=False, description="overwrite a dictionary of that name")


class Dictionaries(Request):
    """The dictionaries in the bucket, page by page."""

    action = "dictionaries"
    limit: int = Field(50, ge=1, le=100, description="dictionaries in one reply")
    cursor: DictionariesCursor | None = Field(None, description="`next_cursor` of the reply before")


class TurnToRead(BaseModel):
    """A turn as in `generate`; its voice matters only if no language is sent."""

    model_config = Request.model_config

    voice: VoiceId | None = Field(None, description="the name of an uploaded voice")
    text: Annotated[str, AfterValidator(speakable)] = Field(description="the text of the turn")
    pause_ms: int = Field(300, ge=0, le=10_000, description="silence after it, as in `generate`")


class Read(Request):
    """How a text would be read aloud: the words for its numbers and signs, its respellings and pauses. No model is loaded, and no job is made."""

    action = "read"
    text: Annotated[str, AfterValidator(speakable)] | None = Field(
        None, description="the text; required unless there are `turns`"
    )
    turns: list[TurnToRead] | None = Field(
        None,
        min_length=1,
        max_length=200,
        description="instead of `text`: turns as in `generate`; `voice` may be left out",
    )
    voice: VoiceId | None = Field(
        None, description="the voice that would speak `text`: its language is used if none is sent"
    )
    language: Language | None = Field(
        None, description="language of the text ('en', 'pt'); unset: the voice's, else no language's rules are applied"
    )
    normalize: Literal["auto", "off"] = Field("auto", description="as in `generate`")
    say: Say | None = Field(None, description='respellings of whole words: `{"GIF": "jif"}`')
    dictionary: Id | None = Field(
        None, description="the name of a stored dictionary of respellings; those in `say` are used first"
    )
    engine: EngineName | None = Field(
        None,
        description="the engine that would speak: `xtts` reads numbers by itself and gets them as they are; unset: the deployment's `ENGINE`",
    )

    @model_validator(mode="after")
    def _text_or_turns(self, info: ValidationInfo) -> "Read":
        if (self.text is None) == (self.turns is None):
            raise ValueError("send either text or turns")
        if self.turns and self.voice is not None:
            raise ValueError("send either voice or turns, which may have a voice in each turn")
        refuse_too_long("turns", sum(len(turn.text) for turn in self.turns or ()), info)
        return self

    def speeches(self) -> tuple[TurnToRead, ...]:
        """The turns; `text` and `voice` are one."""
        return tuple(self.turns or [TurnToRead.model_construct(voice=self.voice, text=self.text or "", pause_ms=0)])
