"""
The deployment's settings, read from the environment.

Every setting has one name, a default that works on a bare machine, and a description that becomes its row in docs/settings.md
(docs/generate.py writes the table, `make check` verifies it).
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource

from cloning import keys
from cloning.names import EngineName
from cloning.settings.http import HttpSettings
from cloning.settings.types import (
    AudioFolders,
    Device,
    Folder,
    FolderThatIsThere,
    NameOrPath,
)
from cloning.settings.variables import Variables, checked

LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR"]
MOST_CHUNKS = 64


class Settings(HttpSettings):
    """The settings of a deployment. Blank variables count as unset; `cloning.settings.variables` reads the others."""

    model_cache_dir: Folder = Field(
        Path("data/models"),
        description="Folder for checkpoints on the worker's disk. The image sets it to `/models`; elsewhere it is the folder `data/models` where the worker is started. On a network volume (`/runpod-volume/models`) checkpoints survive workers.",
    )
    model_cache_max_gb: float | None = Field(
        None,
        examples=[20],
        gt=0,
        description="Largest total size of the checkpoints in `MODEL_CACHE_DIR`, in GB (10^9 bytes): the least recently used are removed, none in use. Unset: no limit.",
    )
    checkpoint_dtype: Literal["keep", "fp16"] = Field(
        "keep",
        description="`fp16` halves a checkpoint's weights when it is prepared, as F5-TTS itself does on a GPU: the same sound there, half the bytes at every cold start. Not for CPUs.",
    )
    engine: EngineName = Field("f5", description="Engine that speaks unless a request names another: `f5` or `xtts`.")
    fallback: Annotated[tuple[EngineName, ...], NoDecode] = Field(
        (),
        examples=["xtts"],
        description="Engines, in this order and separated by commas, that may speak instead of one whose checkpoint can't be used, unless a request says otherwise. Unset: none; the job fails.",
    )
    checkpoint: NameOrPath = Field(
        "F5TTS_v1_Base",
        description="Checkpoint of the engine `f5` unless a request names another: a name in the catalogue, the name of a folder in the bucket's `checkpoints/`, or the path of a folder; such a folder needs a `checkpoint.json`.",
    )
    xtts_checkpoint: NameOrPath = Field(
        "XTTS_v2", description="Checkpoint of the engine `xtts`, named like `CHECKPOINT`."
    )
    xtts_license_accepted: bool = Field(
        False,
        examples=[1],
        description="`1` accepts the Coqui Public Model License for this deployment: XTTS's weights, fine-tunes and their outputs are for non-commercial use only. Unset: they are never loaded.",
    )
    vocoder_path: Folder | None = Field(
        None,
        examples=["/runpod-volume/vocos"],
        description="Folder with a Vocos vocoder (`config.yaml`, `pytorch_model.bin`); unset means the checkpoint's own, else the hub's `charactr/vocos-mel-24khz`.",
    )
    asr_model: NameOrPath = Field(
        "openai/whisper-large-v3-turbo",
        description="Speech recogniser for reference audio: a hub name or a local transformers folder.",
    )
    device: Device = Field("auto", description="`auto` (a GPU if there is one), `cpu`, `cuda` or `cuda:N`.")
    low_vram: bool = Field(
        default=False,
        examples=[1],
        description="`1` for a small GPU: no two models share its memory, and their weights leave it after the job (with several jobs at once, after the last), or after `UNLOAD_AFTER_S` if that is set.",
    )
    unload_after_s: float | None = Field(
        None,
        examples=[600],
        ge=0,
        le=86_400,
        description="Idle seconds after which the weights leave the GPU; the next job moves them back. On a CPU the models are dropped and loaded again. Unset: never, or at once with `LOW_VRAM`.",
    )

    sampler: Literal["auto", "official", "fast"] = Field(
        "auto",
        description="Solver of F5-TTS: `official` is f5-tts's own, `fast` the same arithmetic without its overhead; `auto` is `fast` where the two are equal bit for bit (a CPU), or where `fast` proves itself on the GPU at its first load there ([operations](operations.md#the-fast-solver-proves-itself)); else `official`.",
    )

    kernels: Literal["auto", "off"] = Field(
        "off",
        description="Fused kernels for the fast solver on a GPU: `auto` uses them where they are compiled for the card and prove themselves at the first load, and torch's own operations elsewhere. Experimental: they have not run on any card yet, hence `off`. [What they are](operations.md#fused-kernels).",
    )

    batch_chunks: int | None = Field(
        None,
        examples=[4],
        ge=1,
        le=MOST_CHUNKS,
        description="Most chunks, of one job or several, that are generated at once if `SAMPLER` is `fast` (or `auto` chooses it); each needs its own memory. Unset: 1. In half precision batching changes rounding: one seed gives the same bytes with 1 only.",
    )
    batch_wait_ms: float = Field(
        0.0,
        ge=0,
        le=500,
        description="Longest time that a chunk waits for others to be generated with it, in milliseconds, at most 500: the GPU idles meanwhile. Even at `0`, chunks that already wait for the GPU are generated together.",
    )

    paragraph_pause_ms: int = Field(
        400,
        ge=0,
        le=10_000,
        description='Silence where a text has a blank line, in milliseconds, unless the request sends `normalize: "off"`; `0`: none.',
    )
    check: Literal["off", "fast", "full"] = Field(
        "off",
        description="Whether speech is heard and compared with its text unless a request says otherwise: `off`, `fast` (a score per word) or `full` (a transcription too). It loads the recogniser.",
    )
    check_draws: int = Field(
        2,
        ge=1,
        le=4,
        description="How often a chunk is spoken at most, the first time included, if it fails the check or was transcribed with different words, unless a request says otherwise.",
    )
    on_mismatch: Literal["accept", "fail"] = Field(
        "accept",
        description="What becomes of a job if no draw of a chunk passes the check, unless a request says otherwise: `accept` takes the best and warns, `fail` fails the job.",
    )

    execution_timeout_s: float = Field(
        600.0,
        gt=0,
        le=604_800,
        description="The endpoint's execution timeout, in seconds (RunPod's own default is 600): a chunk that fails its check is not drawn again when four fifths of it have passed.",
    )

    phone_check: Literal["off", "pocketsphinx"] = Field(
        "pocketsphinx",
        description="[`pocketsphinx`](speech.md#added-words-by-their-phones) (on the CPU) or `off`: whether `check: full` also asks it for words that are not in the text. English only, and only where speech passes the rest of the check.",
    )

    speaker_model: Literal["off", "resemblyzer", "wespeaker"] = Field(
        "off",
        description="Speaker model that says in a check how alike the speech is to its voice (`check.similarity`): a report, never a reason to draw again. `resemblyzer` and `wespeaker` need the extra `similarity` (build argument `SIMILARITY=1`); [their figures](speech.md#how-alike-the-voices-are) can't be compared with each other.",
    )
    wespeaker_model: NameOrPath = Field(
        "hbredin/wespeaker-voxceleb-resnet34-LM",
        description="Model of `SPEAKER_MODEL=wespeaker`: a hub name with the file `speaker-embedding.onnx`, or the path of an `.onnx` file on the worker's disk.",
    )

    gpu_price_per_second: float | None = Field(
        None,
        examples=[0.00031],
        ge=0,
        le=1,
        description="What a second of this endpoint's worker costs, in US dollars (RunPod's price list). Set, each result has its `cost`; unset, it has none.",
    )

    worker_concurrency: int = Field(
        2,
        ge=1,
        le=64,
        description="Jobs that one worker holds at a time. Those that speak take turns on the GPU, chunk by chunk; the others are answered meanwhile.",
    )
    require_consent: bool = Field(
        True, examples=[1], description="Refuse a voice whose upload doesn't say that its speaker consents."
    )
    stream_parts: bool = Field(
        default=False,
        examples=[1],
        description="`1` also posts the parts of a speech (`parts` of generate) to RunPod's `/stream/ID`. It was tried on a local queue only, so it is off.",
    )
    max_text_chars: int = Field(20_000, ge=1, le=1_000_000, description="Longest text of one generate, in characters.")
    max_audio_mb: float = Field(
        25.0, gt=0, le=500, description="Largest reference audio file, in MB (10^6 bytes), however it arrives."
    )
    audio_key_prefixes: Annotated[AudioFolders, NoDecode] = Field(
        (keys.UPLOADS,),
        examples=["uploads,inbox"],
        description="Folders of the bucket, separated by commas, that may hold an `audio_key`; never one that the service itself writes to (`voices`, `jobs`, `results`, `dictionaries`, `checkpoints`, `probes`, `proofs`).",
    )
    download_timeout_s: float = Field(
        30.0, gt=0, le=600, description="Longest time to fetch an `audio_url`, in seconds, all redirects together."
    )
    max_reply_mb: float = Field(
        9.5,
        gt=0.001,
        le=20,
        description="Largest reply, in MB (10^6 bytes); RunPod silently drops more than 10 MB on `/run`.",
    )
    url_expires_s: int = Field(3600, ge=1, le=604_800, description="Life of a presigned `audio_url`, in seconds.")
    lease_s: float = Field(
        60.0,
        ge=0.2,
        le=3600,
        description="Life of a worker's claim on a job, in seconds, unless renewed (the worker renews it every third of that).",
    )
    stop_grace_s: float = Field(
        10.0,
        ge=1,
        le=3600,
        description="Time from SIGTERM to the process's end, in seconds: a job that is not done 3 s before is handed back for another worker to continue.",
    )
    log_level: LogLevel = Field(
        "INFO",
        description="Lowest level that is logged. Text, audio, URLs and keys are never logged at INFO; DEBUG adds the messages of exceptions and what f5-tts prints, texts among it.",
    )

    tmpdir: FolderThatIsThere | None = Field(
        None,
        examples=["/scratch"],
        description="Folder for temporary files: recordings being processed, speech being sent. Unset: the machine's own.",
    )

    runpod_pod_id: str | None = Field(
        None, examples=["pod1"], description="Set by RunPod: the worker's name in leases and manifests."
    )
    runpod_endpoint_id: str | None = Field(
        None, examples=["endpoint1"], description="Set by RunPod on its serverless workers: the endpoint's id."
    )
    runpod_log_level: str | None = Field(
        None, examples=["INFO"], description="Level of RunPod's SDK, which reads it itself."
    )
    runpod_debug_level: str | None = Field(None, examples=["INFO"], description="Older name of `RUNPOD_LOG_LEVEL`.")

    @classmethod
    def settings_customise_sources(  # only the environment, read by our own rules
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - pydantic's signature
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - pydantic's signature
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - pydantic's signature
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, Variables(settings_cls)

    @field_validator("*", mode="before")
    @classmethod
    def _by_the_rule(cls, value: object, info: ValidationInfo) -> object:
        name = info.field_name or ""
        return checked(name, cls.model_fields[name], value) if isinstance(value, str) and value else value

    @field_validator("fallback", mode="before")
    @classmethod
    def _words(cls, value: object) -> object:
        words = value.lower().replace(" ", "").split(",") if isinstance(value, str) else value
        return tuple(word for word in words if word) if isinstance(words, list) else words

    @property
    def is_bucket_forgotten(self) -> bool:
        """Whether this worker would keep voices, jobs and results on its own disk, although other workers need them."""
        return self.s3_bucket is None and self.runpod_endpoint_id is not None

    @property
    def has_sdk_log_level(self) -> bool:
        """Whether the log level of RunPod's SDK is set."""
        return self.runpod_log_level is not None or self.runpod_debug_level is not None

    @property
    def idle_s(self) -> float | None:
        """Seconds that weights stay on the GPU after the last work; None means for ever."""
        return 0.0 if self.low_vram and self.unload_after_s is None else self.unload_after_s

    @model_validator(mode="after")
    def _engines_that_may_load(self) -> "Settings":
        if len({self.engine, *self.fallback}) <= len(self.fallback):
            raise ValueError("FALLBACK names engines other than ENGINE, each once")
        if "xtts" in (self.engine, *self.fallback) and not self.xtts_license_accepted:
            raise ValueError(
                "ENGINE or FALLBACK names xtts: set XTTS_LICENSE_ACCEPTED=1 too, if you accept its licence"
            )
        return self

    @property
    def engines(self) -> tuple[EngineName, ...]:
        """The engines that may speak unless a request says otherwise, the first one first."""
        return (self.engine, *self.fallback)
