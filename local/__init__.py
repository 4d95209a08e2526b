"""
RunPod's endpoint on your own machine, for the demo and the tests.

    queue     RunPod's queue as a state machine
    job       one job of it
    server    its HTTP face
    worker    worker processes with the unchanged SDK
    whisper   a small real Whisper from locked packages
    talker    a small checkpoint that says words
    words     how many words were misheard
    demo      `make demo`
    story     what a person reads along, and its report
    __main__  `python -m local --port 8000` serves it
"""
