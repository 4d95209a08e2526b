"""Downloads that break off and go on, in parts, from a real S3 server."""
