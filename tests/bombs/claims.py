"""Numbers that no recording has."""

HUGE = 2**31 - 1
MANY = 2**24  # of eight to 24 bytes each: more than a decoder may have, less than it might be refused
