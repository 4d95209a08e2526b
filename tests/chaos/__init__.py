"""
Workers that are struck down at random, on a bucket that fails at random: every job ends once, with a calm run's samples.

`make chaos` runs it at full size, tests/e2e/test_chaos.py in short.

    work.py      what is asked, and what a calm run answers
    weather.py   what goes wrong between the workers and the bucket, and what really happened there
    light.py     worker processes that start in a fraction of a second, around an engine that needs no torch
    fleet.py     the workers, the strikes, and those that replace the struck
    run.py       one run, and what it came to
"""
