"""
Measurements of the worker's seconds and memory. README.md here explains how to run and read each.

`make bench` runs overhead, decoding, imports, cold_start, solver, reading, redraws, first_audio and words; `make gpu` gpu (both paths at full size, random weights); checkpoints,
downloads and prices are run by hand. The modules from `machine` on are their parts.

    overhead     the worker's own share of a generate
    decoding     an upload, decoded in a process of its own
    imports      CPU seconds of a generate's imports
    cold_start   a first generate, phase by phase
    solver       the solver beside the official path
    reading      numbers and signs as words, beside other libraries
    redraws      what drawing again gains and costs
    first_audio  how soon a long text is heard
    words        how well checked speech is checked, and how well words are timed
    gpu/         the official path on a GPU at full size, and ours
    checkpoints  what it costs to make a file loadable
    downloads    one large object from an S3 server, beside other clients
    prices       what an hour of speech costs on RunPod's cards, reckoned
    machine      a clock, memory, names and versions of this machine
    report       where a figure comes from, and the file that keeps it
    worker       a whole worker around the small checkpoint
    paths        the official path and ours, for solver and gpu
    arithmetic   the solver's multiply-adds, and the card's rate
    spoken       recordings of people as clips: what each says, and when
    faults       faults cut into such clips
    listener     a recogniser whose answers are kept
"""
