"""
Copies of checkpoints on this disk and in the bucket.

    record       what is known of a copy
    shelf        the copies on this disk
    lease        who uses one
    eviction     which go
    published    the copies in the bucket
    disk_errors  a disk in trouble
"""
