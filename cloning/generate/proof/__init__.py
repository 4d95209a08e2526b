"""
Speech that is proved: checked against its text, its words timed, its subtitles written.

    checks      which check is asked for; the recogniser in its turns; a chunk's verdict
    draws       what the check refuses, spoken again
    timing      when each word is spoken, in the finished speech and the caller's text
    prover      one job's speech with all of it
    recording   the action `check`: the same for speech that is already there
"""
