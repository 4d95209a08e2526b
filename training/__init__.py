"""
A recipe: a small F5-TTS checkpoint that speaks, from nothing, on one CPU core. README.md says how; nothing of it is in the image.

    grammar    what is said: the sets of sentences
    flite      a speech synthesiser that says it, and when each word begins
    mels       F5's mel of a wave, and words moved to where their letters lie
    packed     utterances in one file
    data       command: make that file
    batches    batches of whole utterances
    flow       the loss
    runs       what both trainings need: the clock, stopping, averages, saving
    acoustic   command: train the DiT
    vocoder    command: train the Vocos
    words      how many words were misheard
    judges     who hears the words, and who tells voices apart
    speaking   a trained model, and its ceilings, that say a sentence
    evaluate   command: measure it all
    package    command: the checkpoint folder for `CHECKPOINT`
"""
