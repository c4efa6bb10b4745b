"""The agent as it runs on an instance, for every section that runs it."""

from __future__ import annotations

import base64
import gzip
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.integration.gateway.lab import Gateway

DOCUMENT = Path(__file__).parents[1] / "gateway" / "document.yaml"
FLAGS = ("-I", "-S")  # of Python, as in the document: it needs nothing that `site` would find


def carried_agent() -> bytes:
    """Return the archive that the SSM document carries."""
    _, _, rest = DOCUMENT.read_text("utf-8").partition("<<'AGENT'\n")
    return gzip.decompress(base64.b64decode(rest.partition("AGENT\n")[0]))


def run_as_carried(lab: Gateway) -> None:
    """Let a lab run that archive, as a command does it."""
    lab.program, lab.flags = lab.folder / "agent.pyz", FLAGS
    lab.program.write_bytes(carried_agent())
