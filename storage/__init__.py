"""
Stored bytes: a bucket's client, the folder that stands in for a bucket, and atomic files. Knows nothing of voices and jobs.

    folder_store    an object store on a folder
    s3_connection   the client of an S3 bucket
    presigned_urls  URLs that read an object without credentials
    s3_bodies       bodies of replies: complete, and within the caller's limit
    s3_deadline     one deadline for a whole reply
    s3_errors       S3's failures as the service's errors
    s3_replies      refuses redirects, and replies that no store gives
    s3_listing      listings that end and are in order
    hub_errors      a model hub's failures as the service's errors
    resumable       a large file in parts that survive a broken transfer
    mirror          folders pulled from the store and pushed to it
    atomic          new files that appear complete or not at all
    locks           file locks among processes
    bulk            digests and copies in large steps
    plain_text      text files in any usual encoding
"""
