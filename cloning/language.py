"""Codes of languages in requests and records: 'en', 'pt-BR'."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field

_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})?")


def _language(value: str) -> str:
    """Check a code and turn 'EN' into 'en'. (A region stays unchanged, because digests of requests include it.)"""
    code, dash, region = value.partition("-")
    if not _LANGUAGE.fullmatch(value):
        raise ValueError("should be a code of two or three letters ('en', 'pt'), with a region if need be ('pt-BR')")
    return code.lower() + dash + region


Language = Annotated[str, AfterValidator(_language), Field(json_schema_extra={"pattern": f"^{_LANGUAGE.pattern}$"})]
