"""
Measurements of the worker's seconds and memory. README.md here explains how to run and read each.

`make bench` runs overhead, decoding, imports, cold_start, solver, reading, redraws, first_audio and words; `make gpu` gpu (both paths at full size, random weights); checkpoints and
downloads are run by hand. The other modules are their parts.
"""
