"""
What English has beside the classes of other languages, and its words.

    rules     what is read in English alone
    calendar  years, decades, dates and times
    tables    words for signs, money, units and abbreviations
"""
