"""
RunPod's SDK, imported without a second's pause.

Its debugger asks for the processor's name as it is imported, and py-cpuinfo measures the clock rate for a second before it answers
(runpod 1.12, runpod/serverless/utils/rp_debugger.py). Every cold start would wait for it.
"""

from typing import Any


def import_sdk() -> Any:
    """Import the package `runpod`, which reads its environment meanwhile. Raises ValueError for a variable that it can't use."""
    import cpuinfo  # the SDK's own dependency

    measure = cpuinfo.get_cpu_info
    cpuinfo.get_cpu_info = dict  # nothing is known: the SDK calls the processor unknown, in debugging replies alone
    try:
        import runpod
    finally:
        cpuinfo.get_cpu_info = measure
    return runpod
