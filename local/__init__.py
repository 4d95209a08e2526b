"""
The endpoint on one's own machine: for the demo and the tests. Production is RunPod itself.

queue         RunPod's queue as a state machine of deliveries, results, retries (`job`: one job of it). No HTTP.
server        its HTTP face: RunPod's client API and worker protocol. `python -m local --port 8000` serves it alone.
worker        the environment that the unchanged SDK needs, worker processes, and `local_endpoint()` for tests
folder_store  the bucket as a folder
whisper       a real small Whisper made from locked packages
demo          upload, generate, status and result, seen from outside
"""
