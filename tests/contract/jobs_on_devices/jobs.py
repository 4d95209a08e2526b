"""Uploads and generates through the handler."""

from base64 import b64encode
from typing import Any

from cloning.service import Call, Service
from handler import answer

TEXT = "The quick brown fox."


def upload(service: Service, voice: str, wav: bytes, transcript: str) -> None:
    audio = b64encode(wav).decode()
    raw = {
        "action": "upload",
        "voice": voice,
        "audio": audio,
        "consent": True,
        "transcript": transcript,
        "replace": True,
    }
    assert answer(service, raw, Call(f"upload-{voice}"))["status"] == "STORED"


def generate(service: Service, job: str, **fields: Any) -> dict[str, Any]:
    return answer(service, {"text": TEXT, "voice": "anna", "seed": 7, "nfe_step": 2, **fields}, Call(job))
