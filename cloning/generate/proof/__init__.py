"""
Proved speech: checked against its text, its words timed, its subtitles written.

    checks      the requested check; a chunk's verdict
    recogniser  the recogniser in its turns, and the other models that hear
    draws       chunks that fail the check, spoken again
    timing      when each word is spoken, in the finished speech and the caller's text
    prover      one job's speech with all of it
    recording   the action `check`: the same for an existing recording
"""
