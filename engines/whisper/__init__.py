"""
Whisper: what a recording says, and how well it says a text.

    transcriber  the loaded model, which transcribes
    files        which names and folders hold a Whisper
    encoding     its encoder over as much as there is to hear
    beams        its beam search without copies of the encoder's output
    alignment    a known text laid over a recording
    warping      where its tokens begin
    rescoring    other texts that a recording may say, by their likelihood
    guessing     words that a recording may say between the text's
"""
