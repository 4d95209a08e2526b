"""RunPod's SDK is imported without the second in which the processor is measured."""

import subprocess
import sys

from tests.conftest import ROOT

CODE = """
import cpuinfo

def measured():
    raise AssertionError("the processor is measured")

cpuinfo.get_cpu_info = measured
from worker.sdk import import_sdk
runpod = import_sdk()
print(runpod.serverless.utils.rp_debugger.PROCESSOR, cpuinfo.get_cpu_info is measured, callable(runpod.serverless.start))
"""


def test_the_import_measures_no_processor() -> None:
    """Nothing is measured while it is imported, everything of the SDK is there, and whoever asks py-cpuinfo later gets its answer."""
    done = subprocess.run([sys.executable, "-c", CODE], cwd=ROOT, capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "Unable to get processor info. True True"
