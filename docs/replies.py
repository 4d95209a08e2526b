"""
What each field of a reply means; `docs/generate.py` writes it into api.md.

The fields are the real ones: tests/unit/docs/test_docs.py holds these names against the replies in docs/api.md, and
tests/unit/docs/test_examples.py holds those against the worker's.
"""

_VOICE = {
    "voice": "the voice's name",
    "duration": "seconds of the stored recording, clipped and trimmed",
    "sample_rate": "Hz of the stored recording",
    "clipped": "whether speech was cut off: beyond 12 s, or at an edge where it is so quiet that F5-TTS's clipping takes it for silence",
    "gain_db": "by how many dB a quiet recording was raised before anything was cut; 0 for one of usual level, which is stored as it is",
    "sha256": "digest of the stored WAV",
    "language": "the upload's `language`, or null",
    "transcript": "what is said in the stored recording; null until it is made, at the first generate",
    "transcript_by": "the recogniser that made it, or `caller`; null without a transcript",
    "consent.given": "what the upload said; null for an older deployment's voice, whose speaker was not asked",
    "consent.statement": "the sentence that was sent as `consent`, or null",
    "consent.recorded_at": "when the consent was recorded",
    "measured": "of the uploaded recording: `duration` (s), `sample_rate` (Hz), `peak_dbfs`, `rms_dbfs`, "
    "`clipped_share` (samples at full scale), `silent_share` (20 ms frames), `snr_db`",
    "adopted": "whether the voice came as a bare file of an older deployment",
    "created_at": "when the voice was stored",
}
_DICTIONARY = {
    "dictionary": "the dictionary's name",
    "words": "how many words it has",
    "sha256": "digest of the words and their respellings, whatever their order",
    "created_at": "when the dictionary was stored",
    "replaced_at": "when its words last changed; null until then",
}
_STATUS = {
    "job_id": "the job's id",
    "status": "`IN_QUEUE` (taken, not yet speaking), `IN_PROGRESS`, `COMPLETED`, `FAILED`, `CANCELLED`, or `INTERRUPTED`: unfinished, and no worker "
    "has it; the next delivery takes it over (RunPod's own if the worker died; yours after a failure or RunPod's `/cancel`)",
    "progress.done": "chunks spoken so far",
    "progress.total": "chunks in all; 0 until they are planned",
    "attempt": "how many workers have taken the job, this one included",
    "attempts[].number": "the attempt's number; the last 20 attempts are kept",
    "attempts[].worker": "the worker that took the job",
    "attempts[].claimed_at": "when it took the job",
    "attempts[].ended_at": "when the attempt ended, or when a lost worker's lease ended; null while it runs",
    "attempts[].outcome": "`COMPLETED`, `CANCELLED`, a failure's code, or `LOST`: the worker stopped renewing its lease; null while it runs",
    "attempts[].chunks_made": "chunks that it spoke; null while it runs and for a lost one",
    "attempts[].chunks_reused": "chunks that it took over from an earlier attempt; null in the same cases",
    "attempts[].seconds": "how long it took; null in the same cases (the record in the bucket has the seconds of each phase)",
    "cancel_requested": "whether the worker was asked to stop",
    "created_at": "when a worker first took it",
    "started_at": "when speaking began, after the transcript and the wait for the GPU; null before",
    "finished_at": "when it ended, or null",
}
_SPOKEN = {
    "engine_requested": "the requested engine: the request's `engine`, else the deployment's",
    "engine_used": "the engine that spoke",
    "engine_fallback": "whether another engine spoke than the requested one",
    "fallback_reason": "each engine that could not speak, with the code and message of its failure; null without a fallback",
    "profile_requested": "the requested profile, else `balanced`",
    "profile_applied": "the profile of the engine that spoke, under that engine's own name for it",
    "license_notice": "the terms under which the speech may be used",
    "device_requested": "the value of `DEVICE`",
    "device_used": "where the model ran: `cpu` or `cuda`",
    "device_fallback": "whether the CPU spoke because the GPU could not, and the request's `device_fallback` allowed it",
    "device_fallback_reason": "with a device fallback, the failure's code and message; else null",
    "unspoken": "the text's characters that the checkpoint doesn't know in any form (itself, composed, lower case, compatible), each once; "
    "a space takes the place of each",
    "reading.version": "version of the text front end",
    "reading.dictionary_sha256": "digest of the stored dictionary that was used, or null",
    "reading.normalized_in": "languages whose rules were applied; none with `normalize: off`, an unknown language, or an engine that reads by itself",
    "warnings": "what else may be audible, each with `code` and `message`: `TAGS` (the text has SSML or a tag in square brackets, which has no meaning here yet), `LANGUAGE` (the voice's language is none of the checkpoint's, and the request "
    "names none), `TRANSCRIPT` (the checkpoint doesn't know all characters of the voice's transcript), `PACE` (F5-TTS sets its pace by bytes, and this text has far more or "
    "fewer of them for what it says than the voice's transcript: another script, or numbers), `READ_AS_IS` (numbers or signs that were left as they are; `spans` has their "
    "places), `DROPPED` (emoji), `CHECK` (chunks that may not say their text)",
}
_RESULT = {
    "job_id": "the job's id",
    "status": "`COMPLETED`",
    "audio_url": "a URL that reads the audio until `audio.expires_at`, as long as the bucket has it (this is not checked; HTTP 404 means that it was removed); null for delivery `inline`",
    "duration": "seconds of speech",
    **_SPOKEN,
    "audio.key": "the audio's key in the bucket",
    "audio.format": "`wav`, `flac`, `mp3` or `ogg`",
    "audio.sample_rate": "Hz",
    "audio.bytes": "size of the file",
    "audio.sha256": "digest of the file",
    "audio.expires_at": "until when `audio_url` works (a folder's `file://` URL never ends), at most until the bucket's session token expires; absent for delivery `inline`. If the worker doesn't know when the token expires (setting `AWS_CREDENTIAL_EXPIRATION`), `audio.expires_note` says so",
    **{f"manifest.{name}": f"as `{name}` of the reply" for name in _SPOKEN},
    "manifest.engine": "the engine that spoke",
    "manifest.device": "the device, with the GPU's name",
    "manifest.dtype": "the precision; in any but `float32`, the other chunks of a batch change the samples' rounding (setting `BATCH_CHUNKS`)",
    "manifest.sampler": "`official`: the engine's own code decides; `fast`: the worker's solver, with F5-TTS's arithmetic (setting `SAMPLER`)",
    "manifest.sampler_proof": "if the GPU's sampler had to be proved: `state` (`proved`, `failed`, `skipped`, `remembered`), whether it `holds`, `why` not, the distances, and what the proof was made on; with `KERNELS=auto` also whether `kernels` are `fused` or `eager`, and `kernels_why`; else null",
    "manifest.checkpoint": "the weights' name",
    "manifest.checkpoint_sha256": "digest of the file that was loaded",
    "manifest.checkpoint_license": "the weights' licence",
    "manifest.checkpoint_note": "a note on the weights",
    "manifest.vocoder": "the vocoder or decoder",
    "manifest.voice": "the voice's name",
    "manifest.voice_sha256": "digest of the reference audio",
    "manifest.transcript_by": "the recogniser that transcribed the reference, or `caller`; null if no transcript was needed (XTTS)",
    "manifest.transcript_device_fallback_reason": "if in this attempt the CPU transcribed it because the GPU could not, and the request's `device_fallback` allowed it: the failure's code and message; else null",
    "manifest.language": "the language in which XTTS spoke: the request's, else the voice's; null for F5-TTS, which takes none",
    "manifest.seed": "the job's seed, sent or drawn",
    "manifest.parameters": "every value that shaped the sound, as it was applied",
    "manifest.chunks[].seed": "the chunk's own seed, derived from the job's",
    "manifest.chunks[].bytes": "length of its text, UTF-8",
    "manifest.chunks[].speed": "the speed that was applied to it (F5-TTS: 0.3 under 10 bytes)",
    "manifest.worker": "the worker's name",
    "manifest.chunks_reused": "how many chunks an earlier attempt had finished",
    "manifest.chunks_frugal": "how many chunks were made with half the memory because the GPU's was short: their samples differ by rounding from those of a run with enough",
    "manifest.attempt": "the number of the attempt that spoke",
    "manifest.versions": "versions of the worker and of the packages that shape the sound",
    "timings.queue": "seconds of waiting for a turn on the GPU",
    "timings.voice": "reading the voice from the bucket",
    "timings.transcript": "transcribing the reference, including the load of the recogniser; 0 if that was done before",
    "timings.load": "fetching and loading the checkpoint; about 0 on a warm worker",
    "timings.load_import": "part of `load`: importing torch and f5-tts (or coqui-tts); 0 if that was done before",
    "timings.load_fetch": "part of `load`, in parallel with the import: waiting for the files of checkpoint and vocoder; the checkpoint's are fetched from the start of the request",
    "timings.load_weights": "part of `load`: moving the weights to the device",
    "timings.infer": "running the model, chunk by chunk; a turn that was shared with other jobs, or failed and was repeated, counts in full",
    "timings.keep": "storing finished chunks and progress while the model did not work for this job",
    "timings.encode": "writing the audio file",
    "timings.upload": "sending audio and manifest to the bucket",
    "timings.total": "from the request to the end of the upload",
}

MEANINGS: dict[str, dict[str, str]] = {
    "upload": {**_VOICE, "status": "`STORED`"},
    "generate": _RESULT,
    "status": _STATUS,
    "result": _RESULT,
    "check": {
        "duration": "seconds of the recording",
        "check": "as in `generate`, without `draws` and `control`; `chunks` are windows of at most 28 s, each from `start` (s)",
        "words": "with `words`: as in `generate`",
        "files": "with `subtitles`: `srt`, `vtt`, `ass`, as in `generate`",
        "warnings": "parts of the text that were left as they are, each with `code` and `message`",
        "timings.queue": "seconds of waiting for a turn on the GPU",
        "timings.check": "hearing the recording, including the load of the recogniser",
        "timings.keep": "always 0",
        "timings.total": "the whole call",
    },
    "voices": {
        **{f"voices[].{name}": meaning for name, meaning in _VOICE.items()},
        "voices[].adopted": "as in `upload`; an entry with only `voice` and `adopted: false` is a bare file that has not been used yet, or, with "
        "`problem`, a record that can't be used",
        "count": "voices in this reply",
        "next_cursor": "send it as `cursor` for the next page; null at the end",
    },
    "dictionary": {**_DICTIONARY, "status": "`STORED`"},
    "dictionaries": {
        **{f"dictionaries[].{name}": meaning for name, meaning in _DICTIONARY.items()},
        "count": "dictionaries in this reply",
        "next_cursor": "send it as `cursor` for the next page; null at the end",
    },
    "read": {
        "reading": "the words that would be spoken, before an engine's alphabet is applied",
        "spans": "where each part of the reading came from, in order: `[start, end, text_start, text_end]`, places in `reading` and in the text that was "
        "sent, counted in code points; either the same characters, or one stretch for another",
        "pauses[].at": "the place in `reading` before which there is silence",
        "pauses[].seconds": "the silence's length",
        "pauses[].text_start": "where the tag or blank line begins in the text",
        "pauses[].text_end": "where it ends (exclusive)",
        "normalized_in": "the language whose numbers, dates and signs were read; null if none were (no language, one without rules, "
        "`normalize` `off`, or an engine that reads them by itself)",
        "warnings": "what stays as it is written although it should be read differently, each with `code` and `message`, as `generate` warns of a text, and here of each turn by "
        "itself: `READ_AS_IS` (with `spans` of the text, unless its language is unknown or has no reading rules), `DROPPED` (with `spans`), `TAGS`",
    },
    "delete": {"deleted.voice": "what was removed; `deleted.job_id` for a job, `deleted.dictionary` for a dictionary"},
    "expire": {
        "removed.jobs": "records that were removed, or would be: of jobs, and what `delete` had left of jobs",
        "removed.chunks": "chunks and stored parts that were removed, or would be",
        "removed.results": "audio files and manifests; `skipped` beside `removed` counts the jobs that stay because the bucket refused one of their objects or "
        "never returned it",
        "dry_run": "whether the call only counted",
        "next_cursor": "send it as `cursor` to go on; null at the end",
    },
    "cancel": _STATUS,
    "health": {
        "status": "`ok`, or `degraded` if the bucket does not answer or is not set, the worker is unfit, or there are `problems`",
        "problems": "models that the settings name and that can't be loaded, each with `code`, `message`, `retryable` and `details` (`setting` names "
        "it); checked without a download or a load",
        "unfit": "null, or the failure after which this worker refuses to generate: `code`, `message`, `retryable`, `details`",
        "store.kind": "`S3Store`, or `FolderStore` without a bucket",
        "store.reachable": "whether the store answered just now",
        "store.problem": "null, or a failure (`code`, `message`, `retryable`, `details`): why the store doesn't answer, or that `S3_BUCKET` is not set on RunPod",
        "store.conditional_writes": "`honoured`, `ignored` (the later writer wins; results stay right, a job may be done twice), or "
        "`unknown` until the worker has tried",
        "engine": "null before the first generate; then the loaded model of either engine: its name, seconds of loading, its facts as in a "
        "manifest, `loaded_on` (a device, or `host memory` while it is off the GPU), `gpu_bytes` and `host_bytes` of its weights",
        "transcriber": "null, or the loaded recogniser, with the same three fields about its memory",
        "gpu": "null if no GPU is in use; else `allocated_bytes` (in tensors) and `reserved_bytes` (reserved by torch)",
        "default_engine": "the value of `ENGINE`: the engine that speaks unless a request names another",
        "fallback": "the value of `FALLBACK`",
        "checkpoint": "the default engine's checkpoint: the value of `CHECKPOINT` or `XTTS_CHECKPOINT`",
        "asr_model": "the value of `ASR_MODEL`",
        "phone_check": "the value of `PHONE_CHECK`",
        "worker": "this worker's name",
        "python": "Python's version",
        "versions": "versions of the worker and of the packages that shape the sound",
    },
}
# Described once, as a whole: their own names say enough, or they are open.
WHOLE = (
    "check",
    "cost",
    "manifest.cost",
    "manifest.check",
    "files",
    "words",
    "manifest.voices",
    "warnings",
    "manifest.warnings",
    "measured",
    "voices[].measured",
    "manifest.parameters",
    "manifest.versions",
    "versions",
)
_CHECK = {
    "check": "with a check: `state` (`passed`, `failed`, or `unavailable`: nothing can be said), `wer` (share of words heard differently, of characters in Chinese and Japanese; null if nothing was transcribed; a transcript that says all twice counts once if nothing else speaks for a repeat), "
    "`worst_run` (the longest run of such words), `draws` (the most that were allowed), `recogniser`, `control` (`state`, `score` and `wer` of each voice's own recording, checked like speech: what it gets there a check of its speech may get without a fault), `similarity` (with `SPEAKER_MODEL`: how alike the speech is to each voice's recording, 1 for the same voice, null if the model can't say), `phones` (the model that `full` asks about added words, unless `PHONE_CHECK=off`), and `chunks`: each with `state`, `draw` (the one that was used, from 1), `speed` (that draw's: further draws of F5-TTS are [slower](speech.md#checked-speech); very short texts have 0.3, and with `fix_duration` it has no effect), `score` (0 to 1, by which draws are compared: 1 if nothing is doubtful; it is no probability), `wer`, `worst_run`, "
    "`problems` ([`kind`](speech.md#what-a-check-finds), `word`, `text_start` in your text), `phones` (where that model was asked: whether it had an opinion), and `heard` if the request asks for it",
    "words": "with `words`: each with `text` (as in your text), `start` and `end` (seconds; null with `timing: unreliable`), `text_start` and `text_end` (code points of your text), `turn` (with `turns`), `confidence`; null if they are too many for a reply (`files.words` has them), or no longer in the bucket as they were",
    "files": "with `words` or `subtitles`: `words`, `srt`, `vtt`, `ass`, each with `key`, `bytes`, `sha256` and `url` (as long as `audio_url`)",
}
_PARTS = "with `parts`, once one is stored: `ready` (how many there are), `seconds`, `format`, `sample_rate`, and the [`items`](speech.md#early-sound)"
_OF_A_RESULT = {
    "audio.base64": "the audio itself, for delivery `inline` and `both`",
    **_CHECK,
    "parts": f"{_PARTS}, the last 16",
    "cost": "if the deployment names a price (`GPU_PRICE_PER_SECOND`): `usd`, `seconds` of the job's own turns on the GPU in this attempt, `price_per_second`, and `of` what; a worker's start and idle time are in no job's cost",
    "manifest.cost": "as `cost` of the reply",
    "manifest.check": "as `check` of the reply",
    "manifest.voices": "with `turns`: every voice, with `voice`, `voice_sha256` and `transcript_by`",
    "timings.check": "with a check or word times: hearing the speech",
}
# Not in every reply.
SOMETIMES = {
    "upload": {
        "warnings": "what may be wrong with the file, such as a dead channel, each with `code` and `message`; absent if there is nothing"
    },
    "generate": _OF_A_RESULT,
    "result": _OF_A_RESULT,
    "voices": {
        "voices[].warnings": "as in `upload`",
        "voices[].problem": "alone with `voice` and `adopted`: why the voice's record can't be read",
    },
    "dictionaries": {
        "dictionaries[].problem": "alone with `dictionary`: why the dictionary's record can't be read",
    },
    "read": {"turns": "instead of all of these, if `turns` were sent: a list of these, one for each turn"},
    "status": {
        "failure": "why the job, or its last attempt, failed: `code`, `message`, `retryable`, `details`; absent if nothing did",
        "parts": f"{_PARTS}, those behind `parts_after` or the last 16; with `parts_after` also `next_after`, to be sent for the next page, "
        "null at the end",
    },
    "cancel": {"failure": "as in `status`"},
}


def fields_of(reply: dict[str, object], prefix: str = "") -> set[str]:
    """The paths of a reply's fields: `audio.sha256`, `voices[].voice`."""
    paths: set[str] = set()
    for name, value in reply.items():
        path = f"{prefix}{name}"
        inner = value[0] if isinstance(value, list) and value else value
        if isinstance(inner, dict) and path not in WHOLE:
            paths |= fields_of(inner, f"{path}[]." if isinstance(value, list) else f"{path}.")
        else:
            paths.add(path)
    return paths
