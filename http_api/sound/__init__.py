"""
Audio, from a worker's parts to the bytes that a caller receives.

    encoding   samples of a part, and one encoder for all parts
    parts      the parts of a job, once each and in order, while they are made
    streaming  the response that sends them, and notices that its client has hung up
"""
