"""tests/unit/benchmarks."""
