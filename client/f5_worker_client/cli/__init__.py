"""
The command line.

    console   progress and messages
    options   the options of each command
    commands  the commands
    serve     `f5-worker serve`
    playing   `--play-as-it-comes`
"""
