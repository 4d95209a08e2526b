"""
The process around the service: it builds the parts, checks its own health, and exits in time.

    assembly               builds and wires every part
    models                 engines by checkpoint name; the recogniser
    fitness                checks before a worker takes jobs
    shutdown               SIGTERM: finish jobs, hand back the rest, exit in time
    progress               what RunPod hears of a running job
    audio_urls             fetches audio from a caller's URL, never from an inner address
    logs                   log events as JSON lines
    scratch                the process's folder for temporary files
    audio_decoder          decodes untrusted audio in child processes
    audio_decoder_process  one child process and its pipes
    audio_decoder_child    the child's program, under limits
"""
