"""
Proved speech: checked against its text, its words timed, its subtitles written.

    checks      the requested check; the recogniser in its turns; a chunk's verdict
    draws       chunks that fail the check, spoken again
    timing      when each word is spoken, in the finished speech and the caller's text
    prover      one job's speech with all of it
    recording   the action `check`: the same for an existing recording
"""
