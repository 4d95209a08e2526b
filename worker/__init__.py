"""
The process around the service: it builds the parts, checks its own health, and exits in time.

    assembly               builds and wires every part
    models                 engines by checkpoint name; the recogniser
    sdk                    RunPod's SDK, imported without a pause
    fitness                checks before a worker takes jobs
    http_server            SERVE=http: the HTTP application on the worker's own port
    in_process             this process's service, as the HTTP application calls it
    openai_route           lists of models and voices through RunPod's OpenAI proxy
    shutdown               SIGTERM: finish jobs, hand back the rest, exit in time
    progress               a running job's progress to RunPod
    audio_urls             fetches audio from a caller's URL, never from an inner address
    logs                   log events as JSON lines
    scratch                the process's folder for temporary files
    audio_decoder          decodes untrusted audio in child processes
    audio_decoder_process  one child process and its pipes
    audio_decoder_child    the child's program, under limits
"""
