"""
The routes, by subject.

    speech         POST /v1/audio/speech
    speech_fields  OpenAI's fields as those of a generate
    voices         /v1/audio/voices
    models         /v1/models, /v1/audio/models
    jobs           /v1/audio/jobs: long texts
    job_files      a job's audio, parts, words and subtitles
    actions        /v1/actions/{action}, /ping, /metrics
"""
