"""
RunPod's endpoint on your own machine, for the demo and the tests.

    queue     RunPod's queue as a state machine
    job       one job of it
    server    its HTTP face
    worker    worker processes with the unchanged SDK
    whisper   a small real Whisper from locked packages
    demo      `make demo`
    story     what a person reads along, and its report
    __main__  `python -m local --port 8000` serves it
"""
