"""The agent as one file, which the SSM document carries and Python runs as it is."""

from __future__ import annotations

import io
import zipfile
import zipimport
from pathlib import Path
from typing import Callable

import cachegate_agent

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the same bytes from the same source, whenever it is packed


def running() -> bytes:
    """Return the archive of the program that runs now, be it an archive or a folder."""
    loader = cachegate_agent.__loader__
    if isinstance(loader, zipimport.zipimporter):
        return Path(loader.archive).read_bytes()
    return pack(Path(next(iter(cachegate_agent.__path__))).parent)


def pack(folder: Path, squeeze: Callable[[str], str] = str) -> bytes:
    """Pack gateway/ into an archive; stored, because it is compressed as a whole afterwards.

    `squeeze` may leave out of each file what Python does not need.
    """
    files = {"__main__.py": folder / "agent.py"}
    for path in sorted((folder / "cachegate_agent").glob("*.py")):
        files[f"cachegate_agent/{path.name}"] = path
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, path in files.items():
            text = squeeze(path.read_text(encoding="utf-8"))
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), text)
    return buffer.getvalue()
