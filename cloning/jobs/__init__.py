"""
Jobs in the bucket. Nothing finished is ever undone.

    record              a job's record and its legal moves
    records             reads records, and replaces them only if unchanged
    claim               a job held by this worker: lease and heartbeat
    store               claims, cancels and deletes jobs
    results             one attempt's result and manifest
    conditional_writes  whether the store honours If-Match
    housekeeping        removes old jobs and orphaned objects
"""
