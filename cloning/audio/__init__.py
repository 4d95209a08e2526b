"""
Recordings: from a file's bytes to mono samples, and from samples to a file.

    decoder         the port of a decoder
    decoding        a file's bytes to mono samples
    containers      a file's container, by its first bytes
    signatures      finds a recording among other bytes, by the signature at its head
    lengths         the announced and the actual length of a recording
    chunk_formats   WAV, AIFF, CAF: chunks with sizes
    wav_formats     the format chunk of a WAV
    frame_formats   MP3, AAC, AMR: frames without an index
    frame_runs      finds such frames among samples
    stream_formats  Ogg, FLAC, Matroska: streams
    flac_frames     FLAC's frames, by their numbers
    mp4_boxes       MP4: boxes, fragments and their indexes
    decoders        libsndfile and FFmpeg
    levels          channels, offset, full scale
    canonical       makes the stored form of a recording; encodes speech
    clipping        clips a recording as F5-TTS does
"""
