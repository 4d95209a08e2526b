"""
The service over HTTP: the OpenAI speech API, voices, jobs, audio as it is made, metrics and the page.

One application, mounted in three places.

    port      what it needs from a worker: replies to the requests of docs/api.md, and the bytes that a reply names
    options   what a deployment sets: key, hosts, default voice, aliases, limits
    app       the application
    serving   uvicorn inside a program with its own event loop
    guard     who may call, and how many bytes a request may bring in how much time
    errors    failures in the form that OpenAI's clients read
    openapi   the description of the routes: `/openapi.json`
    ranges    byte ranges of a file, for players that seek
    metrics   counts and times, for Prometheus
    page      the page to try it: files of page/, which are plain HTML, CSS and ES modules
    door      what all routes share
    running   a generate that runs
    routes/   the routes
    sound/    from a worker's parts to the bytes that a caller receives

It imports nothing from the worker. In a worker for load-balancing endpoints, worker/ is behind the port; in front of a queue
endpoint, or of the queue on this machine, the client is.
"""
