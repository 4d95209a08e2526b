"""
Speech against its text: when each word is said, and whether all are.

    alignment = transcriber.align(speech.samples, speech.sample_rate, speech.text, language=speech.language)
    timed_words(speech, alignment)                      # word times, for subtitles
    judge(speech, alignment)                            # `check: fast`
    judge(speech, alignment, heard=transcriber.hear(...), read=...)     # `check: full`

Numpy and no model: the recogniser's answers come in as values (cloning/ports/engine.py).

    verdict    what a check is given, and what it says
    voiced     where a recording has sound
    words      word times
    compare    what was heard beside what was meant
    evidence   what an alignment and the sound say of each word
    score      the judgement
"""

from cloning.checking.score import judge
from cloning.checking.verdict import Problem, ProblemKind, Speech, Verdict, Word
from cloning.checking.words import timed_words

__all__ = ["Problem", "ProblemKind", "Speech", "Verdict", "Word", "judge", "timed_words"]
