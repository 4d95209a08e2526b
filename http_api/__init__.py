"""
The service over HTTP: the OpenAI speech API, voices, jobs, early audio, metrics and the page. One application, mounted in three places.

    port      what it asks of a worker: an answer to a request of docs/api.md, and the bytes that a reply names
    options   what a deployment decides: key, hosts, default voice, aliases, limits
    app       the application
    serving   uvicorn inside a program with its own event loop
    guard     who may come in, and how much a request may bring in which time
    errors    failures as OpenAI's clients read them
    openapi   what the routes tell of themselves
    ranges    parts of a file, for players that jump in it
    metrics   counts and times, for Prometheus
    page      the page to try it: files of page/, which are plain HTML, CSS and ES modules
    door      what all routes share
    running   a generate that goes on
    routes/   the routes
    sound/    from a worker's parts to the bytes that a caller hears

It imports nothing of the worker's: in a worker for load-balancing endpoints worker/ is behind the port, in front of a queue endpoint, or
of the queue on this machine, the client is.
"""
