"""Which arguments f5_tts's DiT takes, within which bounds: a `checkpoint.json` may come from anybody."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

_Heads = Annotated[int, Field(ge=1, le=256)]


class Dit(BaseModel):
    """
    The arguments of f5_tts.model.DiT (1.1.22) that a configuration may give; f5_tts itself gives mel_dim and text_num_embeds.

    The bounds are about ten times what is known to exist. Types are strict: "22" is no number and true is none either.
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
            raise ValueError("pe_attn_head counts heads: no more than `heads` can be")
        return self
