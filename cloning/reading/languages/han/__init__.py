"""
What Chinese and Japanese share, and the parts of Chinese.

`numerals` writes numbers in Chinese characters; `digits` holds the pieces of patterns; `grammars` asks wetext about what no rule
has claimed. Of Chinese: `quantities`, `calendar` and `codes` are its rules, `chinese` their words, `script` tells its two scripts
apart.
"""
