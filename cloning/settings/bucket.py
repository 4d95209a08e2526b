"""The settings of the bucket: its name, its keys, its endpoint; or the folder that stands in for it."""

from pathlib import Path
from typing import Any, Self

from pydantic import AliasChoices, Field, ModelWrapValidatorHandler, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from cloning.settings.types import (
    Bucket,
    Endpoint,
    Folder,
    KeyId,
    Moment,
    Prefix,
    Region,
    SecretKey,
    SessionToken,
    at_aws,
    half_a_pair,
    without_bucket,
)
from cloning.settings.variables import without_blanks


class BucketSettings(BaseSettings):
    """Where voices, jobs, results and checkpoints are."""

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", populate_by_name=True, allow_inf_nan=False, hide_input_in_errors=True
    )

    s3_bucket: Bucket | None = Field(
        None,
        examples=["my-bucket"],
        description="Bucket for voices, jobs, results and checkpoints; unset means the folder `DATA_DIR`.",
    )
    s3_prefix: Prefix = Field(
        "",
        examples=["tts/prod"],
        description="Folder inside the bucket; everything the worker reads or writes is under it.",
    )
    aws_access_key_id: KeyId | None = Field(
        None,
        examples=["AKIAIOSFODNN7EXAMPLE"],
        validation_alias=AliasChoices("aws_access_key_id", "bucket_access_key_id"),
        description="Key id; `BUCKET_ACCESS_KEY_ID` works too. Unset: boto3's own search (profile, instance role).",
    )
    aws_secret_access_key: SecretKey | None = Field(
        None,
        examples=["wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"],
        validation_alias=AliasChoices("aws_secret_access_key", "bucket_secret_access_key"),
        description="Secret key; `BUCKET_SECRET_ACCESS_KEY` works too.",
    )
    aws_session_token: SessionToken | None = Field(
        None, examples=["IQoJb3JpZ2luX2VjEXAMPLE"], description="Session token of temporary credentials."
    )
    aws_credential_expiration: Moment | None = Field(
        None,
        examples=["2026-11-29T18:00:00Z"],
        description="When `AWS_SESSION_TOKEN` expires, like `2026-11-29T18:00:00Z` (`aws configure export-credentials --format env` prints it): no `audio_url` is promised for longer. Unset: the end is unknown, and the reply says so.",
    )
    aws_region: Region = Field(
        "us-east-1",
        validation_alias=AliasChoices("aws_region", "aws_default_region"),
        description="Region of the bucket; `AWS_DEFAULT_REGION` works too. Cloudflare R2 needs `auto`, RunPod the data centre's id.",
    )
    aws_endpoint_url: Endpoint | None = Field(
        None,
        examples=["https://s3.example.com"],
        validation_alias=AliasChoices("aws_endpoint_url_s3", "aws_endpoint_url", "bucket_endpoint_url"),
        description="Endpoint of an S3-compatible store that is not AWS; `AWS_ENDPOINT_URL_S3` (it takes precedence) and `BUCKET_ENDPOINT_URL` work too. A bucket's name inside the URL is removed.",
    )
    data_dir: Folder = Field(
        Path("data"), description="Folder that stands in for the bucket when `S3_BUCKET` is unset."
    )

    @field_validator("aws_endpoint_url")
    @classmethod
    def _without_bucket(cls, value: str | None, info: ValidationInfo) -> str | None:
        return value and without_bucket(value, info.data.get("s3_bucket"))

    def credentials(self) -> dict[str, str]:
        """The bucket's credentials in the clear, as far as they are set, by boto3's names."""
        names = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
        return {name: secret.get_secret_value() for name in names if (secret := getattr(self, name))}

    @model_validator(mode="wrap")
    @classmethod
    def _that_fit_together(cls, values: dict[str, Any], handler: ModelWrapValidatorHandler[Self]) -> Self:
        given = without_blanks(values)
        settings = handler(given)
        half_a_pair(given)
        if settings.s3_bucket and not settings.aws_endpoint_url:
            region = next((one for one in ("aws_region", "aws_default_region") if one in given), "aws_region")
            at_aws(settings.s3_bucket, settings.aws_region, region.upper())
        return settings
