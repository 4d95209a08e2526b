"""Each action of the worker but generate."""
