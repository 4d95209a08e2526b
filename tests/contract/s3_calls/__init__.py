"""tests/contract/s3_calls."""
