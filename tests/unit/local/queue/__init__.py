"""The queue of the local endpoint."""
