"""
A text as a person reads it aloud: numbers and signs as words, the caller's own respellings, pauses; each character with the span
of the caller's text that it came from.

`read` (cloning.reading.reader) is the whole package: text in, `Reading` out.

    reader      text in, reading out
    spans       the types, and replacements put into a text
    rules       the patterns of replacements, the more special ones first
    markup      tags for pauses, and marks that are not read
    markdown    the marks of Markdown
    emoji       pictures, and characters that show nothing
    dictionary  the caller's respellings
    numbers     numbers as words
    grammar     a European language as a table
    classes     rules made from such a table
    calendar    rules for dates and times
    codes       rules for addresses, versions, telephone numbers
    neighbours  the words around a match
    european    rules that some European languages add
    languages/  one module per language, and its tables
"""

VERSION = 1
"""Raised when any text may be read otherwise than before: readings of two versions are not mixed in one job."""
