"""The arguments of f5_tts's DiT and coqui-tts's Xtts, with bounds, because a `checkpoint.json` is untrusted."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

_Heads = Annotated[int, Field(ge=1, le=256)]


class Dit(BaseModel):
    """
    The arguments of f5_tts.model.DiT (1.1.22) that a configuration may give; f5_tts itself sets mel_dim and text_num_embeds.

    The bounds are about ten times the largest known values. Types are strict: neither "22" nor true is a number.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    dim: int = Field(ge=16, le=16384, multiple_of=16)
    depth: int = Field(8, ge=1, le=256)
    heads: _Heads = 8
    dim_head: int = Field(64, ge=2, le=1024, multiple_of=2)
    dropout: float = Field(0.1, ge=0, lt=1)
    ff_mult: float = Field(4, gt=0, le=64, allow_inf_nan=False)
    text_dim: int | None = Field(None, ge=2, le=16384, multiple_of=2)
    text_mask_padding: bool = True
    text_embedding_average_upsampling: bool = False
    qk_norm: Literal["rms_norm"] | None = None
    conv_layers: int = Field(0, ge=0, le=64)
    pe_attn_head: _Heads | None = None
    attn_backend: Literal["torch", "flash_attn"] = "torch"
    attn_mask_enabled: bool = False
    long_skip_connection: bool = False
    checkpoint_activations: bool = False

    @model_validator(mode="after")
    def _heads_are_there(self) -> "Dit":
        if self.pe_attn_head is not None and self.pe_attn_head > self.heads:
            raise ValueError("pe_attn_head counts heads: it can't be more than `heads`")
        return self


class XttsArguments(BaseModel):
    """
    The arguments of coqui-tts's XttsArgs (0.28) that define an XTTS v2; all others are the same in every one.

    The bounds are about ten times the largest known values. Types are strict.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    gpt_layers: int = Field(ge=1, le=300)
    gpt_n_model_channels: int = Field(ge=16, le=16384, multiple_of=16)
    gpt_n_heads: _Heads
    gpt_max_audio_tokens: int = Field(ge=8, le=8192)
    gpt_max_text_tokens: int = Field(ge=8, le=8192)
    gpt_max_prompt_tokens: int = Field(70, ge=1, le=1024)
    gpt_num_audio_tokens: int = Field(ge=4, le=131072)
    gpt_start_audio_token: int = Field(ge=0, le=131072)
    gpt_stop_audio_token: int = Field(ge=0, le=131072)
    gpt_code_stride_len: int = Field(1024, ge=1, le=16384)
    gpt_use_perceiver_resampler: Literal[True]
    decoder_input_dim: int = Field(ge=16, le=16384)

    @model_validator(mode="after")
    def _tokens_are_there(self) -> "XttsArguments":
        if max(self.gpt_start_audio_token, self.gpt_stop_audio_token) >= self.gpt_num_audio_tokens:
            raise ValueError("the start and stop tokens must be less than gpt_num_audio_tokens")
        if self.gpt_n_model_channels % self.gpt_n_heads:
            raise ValueError("gpt_n_model_channels must be a multiple of gpt_n_heads")
        return self
