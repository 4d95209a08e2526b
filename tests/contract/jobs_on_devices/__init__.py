"""tests/contract/jobs_on_devices."""
