"""
Speech against its text: when each word is said, and whether all are.

A recogniser aligns a `Speech` (`Transcriber.align`) and, for `check: full`, hears it (`Transcriber.hear`); `judge` says what is wrong, and
`timed_words` when each word is said. Numpy and no model: the recogniser's answers come in as values (cloning/ports/engine.py).

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
