"""What the small checkpoint is asked to say: sentences of its grammar, none with a word that only a prompt has."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

BY_VOICE: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "slt": (
            "The king sold the green boat today.",
            "Maria found three red apples and a coat.",
            "The doctor ran to the market on Friday.",
            "Please open the small window this morning.",
            "Where is the yellow lamp?",
            "The weather will be sunny tomorrow.",
            "It was cold and windy in the valley.",
            "The train leaves the village at nine thirty.",
        ),
        "rms": (
            "The teacher bought the black horse on Monday.",
            "Anna has five keys and twenty stones.",
            "Tom walked to the school in the evening.",
            "Can you read eight letters for me?",
            "The picture is behind the white door.",
            "The queen was very happy again.",
            "Nobody cleaned the plates.",
            "We built everything before sunrise.",
        ),
    }
)
# The chunks of one text: short sentences, whose words are heard well. Each is a turn of its own, for a chunk of running text holds
# some 300 letters, and turns without a pause between them are joined like chunks.
CHUNKS = ("rms-0", "rms-1", "rms-4", "rms-5", "rms-7")
SHORT: Mapping[str, str] = MappingProxyType({"hi": "Hi.", "yes": "Yes.", "seven": "Seven."})
# With either prompt two chunks of even length: one holds some 300 letters.
LONG = (
    "The king sold the green boat today. Maria found three red apples and a coat. The doctor ran to the market on Friday. "
    "Please open the small window this morning. The weather will be sunny tomorrow. It was cold and windy in the valley. "
    "The train leaves the village at nine thirty. Nobody cleaned the plates. Anna has five keys and twenty stones. "
    "We built everything before sunrise. The queen was very happy again."
)


@dataclass(frozen=True)
class Line:
    """Who says what, with which values."""

    voice: str
    text: str
    values: Mapping[str, object] = field(default_factory=dict)


SENTENCES: Mapping[str, Line] = MappingProxyType(
    {f"{voice}-{number}": Line(voice, text) for voice, texts in BY_VOICE.items() for number, text in enumerate(texts)}
)
UNMIXED, USUAL, LONGEST = "cross-fade 0", "cross-fade 0.15", "cross-fade 0.5"
SEAMS: Mapping[str, float] = MappingProxyType({UNMIXED: 0.0, USUAL: 0.15, LONGEST: 0.5})
STEPS = (32, 16, 7)
_SAID = BY_VOICE["rms"]
VARIED: Mapping[str, Line] = MappingProxyType(
    {
        "slow": Line("rms", _SAID[0], {"speed": 0.7}),
        "quick": Line("rms", _SAID[0], {"speed": 1.4}),
        "without silence": Line("rms", _SAID[4], {"remove_silence": True}),
        **{f"{steps} steps": Line("rms", _SAID[0], {"nfe_step": steps}) for steps in STEPS},
        **{name: Line("rms", text) for name, text in SHORT.items()},
    }
)
