"""
The voice library.

    record   a voice's record
    records  a voice's objects in the bucket, when several write
    library  voices by name
    files    the voices in use on this disk
"""
