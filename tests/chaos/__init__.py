"""
Workers that are killed at random, on a bucket that fails at random: every job ends once, with the samples of an undisturbed run.

`make chaos` runs it at full size, tests/e2e/test_chaos.py in short.

    work.py      the requests, and the results of an undisturbed run
    weather.py   faults between the workers and the bucket, and what really happened there
    light.py     worker processes that start in a fraction of a second, around an engine without torch
    fleet.py     the workers, the strikes, and the replacements
    run.py       one run and its report
"""
