"""
Raw input to frozen requests.

    models    the request of each action
    fields    their building blocks
    encoding  base64 and data: URLs
    problems  what is wrong with a request or a setting, in words
"""
