"""
What Russian needs beside its table.

    cases     gender and case of numbers
    ordinals  ordinals
    written   numerals with endings, roman numerals, places
"""
