"""
What the service does, free of clouds and GPUs: nothing here imports boto3, torch, f5_tts or runpod.

    actions         what each action does
    generate/       one generate, from its claim to its result
    replies         the shapes of the replies
    service         the parts that the actions are given
    requests/       raw input to checked requests
    voices/         the voice library
    jobs/           job records, claims, results
    planning/       text to chunks, seeds and lengths
    audio/          recordings decoded, measured, clipped, encoded
    ports/          what is asked of stores, engines and the process
    settings/       the deployment's settings, the one reader of the environment
    errors          the tree of errors
    failures        what any exception means to the caller
    parameters      quality profiles of each engine
    keys            the bucket's layout
    object_keys     which keys may be stored
    records         stored JSON, checked
    model_problems  models that the settings name and nobody can load
    names           names without paths
    language        languages as requests and records name them
    characters      what a character is to those who read it
    versions        versions of what speaks
    clock           time and stopwatch
    process_lock    one lock for what changes the whole process
"""
