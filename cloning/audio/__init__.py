"""
Recordings: from a file's bytes to mono samples, and from samples to a file.

    decoder         what the service asks of a decoder
    decoding        a file's bytes to mono samples
    containers      what a file is, by its first bytes
    lengths         what a file announces and what it holds
    chunk_formats   WAV, AIFF, CAF: chunks with sizes
    frame_formats   MP3, AAC, AMR: frames without an index
    stream_formats  Ogg, FLAC, MP4, Matroska: streams
    decoders        libsndfile and FFmpeg
    levels          channels, offset, full scale
    canonical       a recording as it is stored, and speech encoded
    clipping        clips a recording as F5-TTS clips it
"""
