"""
English rules beyond the classes of all languages, and English words.

    rules     classes of English alone
    calendar  years, decades, dates and times
    tables    words for signs, money, units and abbreviations
"""
