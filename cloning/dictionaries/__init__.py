"""
Stored respellings of words, by name.

    record   a dictionary's record
    library  dictionaries by name
"""
