"""
What the service means, free of clouds and GPUs.

Nothing here imports boto3, torch, f5_tts or runpod, and only `settings` reads the environment. The order in which the
modules may import each other: errors <- ports <- keys <- requests | audio | voices | jobs | text <- synthesis <- actions.
"""
