"""
What the service does, free of clouds and GPUs: nothing here imports boto3, torch, f5_tts or runpod.

    actions         what each action does
    service         the parts that the actions are given
    replies         the shapes of the replies
    generate/       one generate, from its claim to its result
    requests/       raw input to checked requests
    voices/         the voice library
    jobs/           job records, claims, results
    planning/       text to chunks, seeds and lengths
    audio/          recordings decoded, measured, clipped, encoded
    ports/          what is asked of stores, engines and the process
    errors          the tree of errors
    failures        what any exception means to the caller
    settings        the deployment's settings, the one reader of the environment
    variables       how a variable is read and refused
    setting_types   the types of settings
    sdk_variables   what boto3 and RunPod's SDK read of the environment by themselves, held to the same rule
    parameters      quality profiles of each engine
    keys            the bucket's layout
    object_keys     which keys may be stored
    records         stored JSON, checked
    model_problems  models that the settings name and nobody can load
    names           names without paths
    versions        versions of what speaks
    clock           time and stopwatch
    process_lock    one lock for what changes the whole process
"""
