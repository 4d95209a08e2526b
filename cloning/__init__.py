"""
What the service means, free of clouds and GPUs.

Nothing here imports boto3, torch, f5_tts or runpod, and only `settings` reads the environment. The modules stand in layers, from
errors and ports to generation and actions, and import only what stands before them (tests/unit/test_architecture.py).
"""
