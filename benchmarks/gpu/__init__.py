"""
F5-TTS on one machine's GPU: the official path and ours. `python -m benchmarks.gpu`, which `make gpu` runs. Nothing is fetched.

    __main__    the command line, and the report
    bench       a checkpoint with random weights, both engines, the voice
    parts       what is measured, in which order, within a budget
    backend     which attention and which libraries torch chose
    proof       the distances by which the fast solver proves itself
    parity      mels and samples of both paths, compared
    one_stream  one utterance after the other, on both paths; and lengths never seen before
    copies      what copies between machine and GPU reach
    jobs        sixteen jobs through the real queue: when each is done
    kernels     the fast path with its fused kernels, as far as they prove themselves
    profile     kernels, launches and waits of a step; Chrome traces
    cases       the official path alone, with its solver and vocoder apart
    devices     weights that leave and return, memory that runs out
    packs       utterances at once: throughput, memory, and the share of the card's rate
    reckoning   the seconds that a run should take, from counts
    tables      the figures as tables for the terminal
"""
