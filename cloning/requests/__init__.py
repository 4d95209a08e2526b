"""
Raw input to frozen requests.

    models       the request of each action
    fields       their building blocks
    encoding     base64 and data: URLs
    consent      whether a statement of consent is a "no"
    misplaced    inputs wrapped once more, and what is RunPod's own
    older_names  what older clients send
    problems     what is wrong with a request or a setting, in words
"""
