"""
Recordings: from a file's bytes to mono samples, and from samples to a file.

    decoder         what the service asks of a decoder
    decoding        a file's bytes to mono samples
    containers      what a file is, by its first bytes
    marks           where a recording begins among other bytes
    lengths         what a file announces and what it holds
    chunk_formats   WAV, AIFF, CAF: chunks with sizes
    wav_formats     what a WAV's format says of its samples
    frame_formats   MP3, AAC, AMR: frames without an index
    frame_runs      where such frames, and other recordings, begin among samples
    stream_formats  Ogg, FLAC, Matroska: streams
    flac_frames     FLAC's frames, by their numbers
    mp4_boxes       MP4: boxes, fragments and their indexes
    decoders        libsndfile and FFmpeg
    levels          channels, offset, full scale
    canonical       a recording as it is stored, and speech encoded
    clipping        clips a recording as F5-TTS clips it
"""
