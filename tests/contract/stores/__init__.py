"""One contract for every object store: a real S3 server, a folder and the bucket in memory."""
