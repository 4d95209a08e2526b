"""
The voice library.

    record   a voice's record
    records  a voice's objects in the bucket, under concurrent writers
    library  voices by name
    files    the voices in use, as files on this disk
"""
