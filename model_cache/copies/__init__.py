"""
Copies of checkpoints on this disk and in the bucket.

    record       a copy's checkpoint.json
    shelf        the copies on this disk
    lease        copies in use
    eviction     removal of unused copies
    published    the copies in the bucket
    disk_errors  disk failures, explained
"""
