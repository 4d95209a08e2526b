"""One contract for every object store: a real S3 server and a folder."""
