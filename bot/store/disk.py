"""Whether a folder can be written to: tried, since neither modes nor free space tell. Standard library only."""

import os
import shutil
import tempfile
from pathlib import Path

_WRITTEN = 64 * 1024
_LEAST_FREE = 16 * 1024 * 1024


def try_disk(folder: Path) -> str | None:
    """Write a small file to the disk and remove it; why that cannot be done, or that the disk is nearly full."""
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".write-test-") as file:
            file.write(b"\0" * _WRITTEN)
            file.flush()
            os.fsync(file.fileno())
        free = shutil.disk_usage(folder).free
    except OSError as error:
        return f"{folder} cannot be written: {error.strerror}"
    return f"{folder} has {free // 2**20} MB left" if free < _LEAST_FREE else None
