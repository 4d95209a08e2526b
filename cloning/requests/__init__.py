"""
Parsing of raw input into frozen requests.

    models       the request of each action
    generate     the request to speak
    check        the request to check a recording
    texts        dictionaries, and how a text is read
    fields       the types of their fields
    encoding     base64 and data: URLs
    consent      whether a statement of consent is a "no"
    misplaced    inputs wrapped twice, and RunPod's own fields
    older_names  the fields of older clients
    problems     messages about invalid requests and settings
"""
