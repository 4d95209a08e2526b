"""
What this worker costs: seconds and memory, measured. README.md here says how to run and to read each.

`make bench` runs overhead, imports, cold_start and solver; `make gpu` gpu (both paths at full size, random weights); checkpoints and
downloads stand alone. The other modules are what these are made of.
"""
