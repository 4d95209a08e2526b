"""
A text as a person reads it aloud: numbers and signs as words, the caller's own respellings, pauses; each character with the span
of the caller's text that it came from.

`read` (cloning.reading.reader) is the whole package: text in, `Reading` out. `spans` holds the types and puts replacements into a
text; `rules` finds what is to be replaced; `markup` and `dictionary` know what is the same in every language; `languages` has one
module per language; `numbers` says numbers.
"""

VERSION = 1
"""Raised when any text may be read otherwise than before: readings of two versions are not mixed in one job."""
