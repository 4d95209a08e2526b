"""
Rules that Chinese and Japanese share, and the parts of Chinese.

    numerals    numbers in Chinese characters
    digits      pieces of patterns for numbers
    grammars    wetext, for digits that no rule has claimed
    quantities  rules of Chinese for amounts
    calendar    rules of Chinese for dates and times
    codes       rules of Chinese for addresses, telephone numbers and the like
    chinese     Chinese words
    script      traditional or simplified
"""
