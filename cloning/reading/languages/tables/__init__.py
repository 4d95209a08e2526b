"""
The words of languages whose module would be too long with them: currencies, units, months, abbreviations.

    de  German
    es  Spanish
    fr  French
    it  Italian
    pt  Portuguese
    ru  Russian
"""
