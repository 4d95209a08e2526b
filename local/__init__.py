"""
RunPod's endpoint on your own machine, for the demo and the tests.

    queue     RunPod's queue as a state machine
    job       one job of the queue
    server    the queue over HTTP
    worker    worker processes with the unchanged SDK
    whisper   a small real Whisper from locked packages
    talker    a small checkpoint that speaks words
    words     the word error rate
    demo      `make demo`
    serve     `make serve`
    story     the demo's output and its report
    __main__  `python -m local --port 8000` serves an endpoint
"""
