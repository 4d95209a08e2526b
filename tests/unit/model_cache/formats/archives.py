"""Files of torch.save, made by hand."""

import zipfile
from pathlib import Path


def archive(path: Path, data: bytes, **entries: bytes) -> Path:
    """A zip as torch.save makes it, around that pickle."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as zipped:
        zipped.writestr("archive/data.pkl", data)
        for name, content in entries.items():
            zipped.writestr(f"archive/{name.replace('_', '/')}", content)
    return path
