"""
Sound, from a worker's parts to the bytes that a caller hears.

    encoding   samples out of parts, and one encoder across all of them
    parts      the parts of a job, once each and in order, while they are made
    streaming  the response that sends them, and notices that its client has gone
"""
