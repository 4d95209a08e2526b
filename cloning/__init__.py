"""
What the service does, free of clouds and GPUs: nothing here imports boto3, torch, f5_tts or runpod.

    actions         one function per action
    generate/       one generate, from its claim to its result
    replies         the shapes of the replies
    service         the parts that the actions use
    requests/       raw input to checked requests
    voices/         the voice library
    jobs/           job records, claims, results
    reading/        a text as a person reads it aloud
    planning/       text to chunks, seeds and lengths
    audio/          recordings decoded, measured, clipped, encoded
    ports/          the interfaces of stores, engines and the process
    settings/       the deployment's settings, the one reader of the environment
    errors          the tree of errors
    failures        which error of ours an exception becomes
    parameters      quality profiles of each engine
    keys            the bucket's layout
    object_keys     which keys may be stored
    records         stored JSON, validated
    model_problems  models in the settings that can't be loaded
    names           names without paths
    language        codes of languages
    characters      invisible characters
    versions        versions of the worker and its packages
    clock           clock and stopwatch
    process_lock    one lock for changes to the whole process
"""
