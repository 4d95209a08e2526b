"""
Bytes at rest: a bucket's client, the folder that stands in for a bucket, and files that arrive whole. Knows no voice
and no job.

    folder_store   an object store on a folder
    s3_connection  the client of an S3 bucket
    s3_bodies      bodies of replies, whole and no longer than wanted
    s3_deadline    one deadline for a whole reply
    s3_errors      what S3's failures mean
    s3_replies     refuses redirects, and replies that no store gives
    s3_listing     listings that end and are in order
    hub_errors     what a model hub's failures mean
    resumable      a large file in parts that survive a broken transfer
    mirror         folders pulled from the store and pushed to it
    atomic         a file appears whole or not at all
    locks          file locks among processes
    bulk           digests and copies in large steps
    plain_text     text files in any usual encoding
"""
