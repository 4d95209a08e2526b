"""
A text as a person reads it aloud: numbers and signs as words, the caller's own respellings, pauses; each character with the span
of the caller's text that it came from.

`read` (cloning.reading.reader) is the whole package: text in, `Reading` out.

    spans       the types, and replacements put into a text
    rules       what is to be replaced: patterns, the more special ones first
    markup      tags for pauses; with `markdown` and `emoji`, what is read in no language
    dictionary  the caller's respellings
    numbers     numbers as words
    grammar     a European language as a table
    classes     rules made from such a table, with `codes` (addresses, telephone numbers) and `calendar` (dates, times)
    languages   one module per language, and its tables
"""

VERSION = 1
"""Raised when any text may be read otherwise than before: readings of two versions are not mixed in one job."""
