"""
Jobs in the bucket. Nothing finished is ever undone.

    record              a job's record and its legal moves
    records             records read, and replaced only where unchanged
    claim               a job in hand: lease and heartbeat
    store               jobs claimed, cancelled, deleted
    results             one attempt's result and manifest
    conditional_writes  does the store honour If-Match?
    housekeeping        removes what is old or nobody's
"""
