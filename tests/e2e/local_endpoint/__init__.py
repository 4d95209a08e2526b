"""The local endpoint under the real SDK and real clients: jobs, workers and what is refused."""
