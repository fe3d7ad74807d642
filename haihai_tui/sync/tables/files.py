"""Whole files of the data plane: copied so that they survive a power cut."""

from __future__ import annotations

import os
import shutil
from pathlib import Path


def copy_durably(source: Path, target: Path) -> None:
    """Copy a file and have it on the disk when this returns."""
    shutil.copyfile(source, target)
    flush_to_disk(target)


def flush_to_disk(path: Path) -> None:
    """Have a file that was written on the disk when this returns."""
    with path.open("rb") as written:
        os.fsync(written.fileno())
