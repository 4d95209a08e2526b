"""
What this worker costs: seconds and memory, measured. README.md here says how to run and to read each.

    gpu    the official inference path at full size, with random weights
"""
