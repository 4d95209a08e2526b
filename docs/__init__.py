"""
The documents, and what writes and checks their generated parts.

    generate  command: fill the generated parts of the pages, or check that they are up to date
    tables    tables of settings, codes, limits, checkpoints, profiles, actions and the bucket's keys
    replies   what each field of a reply means
    failures  what can go wrong while a job runs, row by row
    client    the client's commands, exit codes and codes
"""
