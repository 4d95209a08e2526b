"""
What Chinese and Japanese share.

`numerals` writes numbers in Chinese characters; `digits` holds the pieces of patterns; `grammars` asks wetext about what no rule
has claimed; `chinese` holds the tables of Chinese, `script` tells its two scripts apart.
"""
