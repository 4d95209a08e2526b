"""
Speech against its text: when each word is said, and whether all are.

A recogniser aligns a `Speech` (`Transcriber.align`) and, for `check: full`, hears it, guesses added words and rescores both (`Transcriber.hear`, `guess`, `rescore`,
`edits_of`); `judge` says what is wrong, and `timed_words` when each word is said. Numpy and no model: the recogniser's answers come in as values (cloning/ports/hearing.py).

    verdict    what a check is given, and what it says
    words      word times
    voiced     where there is sound that may be speech
    repeats    sound that comes twice in a row
    evidence   what alignment and sound say about each word
    compare    what was heard beside what was meant
    control    what the recogniser makes of a voice's own recording
    edits      other texts that the sound may say
    score      the witnesses, and the judgement
    windows    a long recording and its text, in pieces that a recogniser takes
    cues       words and their times to the cues of subtitles
    subtitles  the cues as SRT, VTT or ASS
"""

from cloning.checking.edits import SLOWER, Edit
from cloning.checking.evidence import Evidence
from cloning.checking.score import edits_of, evidence_of, judge
from cloning.checking.verdict import Problem, ProblemKind, Speech, Verdict, Word
from cloning.checking.words import timed_words

__all__ = [
    "SLOWER",
    "Edit",
    "Evidence",
    "Problem",
    "ProblemKind",
    "Speech",
    "Verdict",
    "Word",
    "edits_of",
    "evidence_of",
    "judge",
    "timed_words",
]
