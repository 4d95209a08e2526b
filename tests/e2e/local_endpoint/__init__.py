"""tests/e2e/local_endpoint."""
