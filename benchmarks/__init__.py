"""
Measurements of the worker's seconds and memory. README.md here explains how to run and read each.

`make bench` runs overhead, imports, cold_start and solver; `make gpu` gpu (both paths at full size, random weights); checkpoints and
downloads are run by hand. The other modules are their parts.
"""
