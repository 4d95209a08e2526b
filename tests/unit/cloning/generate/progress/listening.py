"""A job in parts, and what lies in the bucket of it."""

import hashlib
import io
from typing import Any

import numpy as np
import soundfile

from cloning import keys
from cloning.service import Service
from storage.folder_store import FolderStore
from tests.unit.cloning.asking import TEXT, act

SPEAK: dict[str, Any] = {"text": TEXT, "voice": "anna", "seed": 1, "parts": True}


def pcm_of(body: bytes) -> np.ndarray[Any, Any]:
    """The samples of a stored file."""
    samples: np.ndarray[Any, Any] = soundfile.read(io.BytesIO(body), dtype="int16")[0]
    return samples


def joined(service: Service, store: FolderStore, job: str = "j") -> np.ndarray[Any, Any]:
    """All parts of a job, fetched as its status names them, joined."""
    told = act(service, action="status", job_id=job, parts_after=-1)["parts"]
    for item in told["items"]:
        body = store.get(item["key"]).body
        assert (hashlib.sha256(body).hexdigest(), len(body)) == (item["sha256"], item["bytes"])
        assert len(pcm_of(body)) == item["samples"]
    return np.concatenate([pcm_of(store.get(item["key"]).body) for item in told["items"]])


def parts_in(store: FolderStore, job: str = "j") -> list[str]:
    """The keys of a job's parts."""
    return sorted(info.key for info in store.list(keys.part_folder(job)))
