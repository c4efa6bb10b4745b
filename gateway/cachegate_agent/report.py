"""The last line of stdout: one JSON object, or the same in a form that SSM cannot cut off."""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any, Dict

LIMIT = 20_000  # characters of the compact form; SSM returns the first 24,000 of all output


def line(document: Dict[str, Any], *, compact: bool) -> str:
    """Return a document as the one line that ends the output."""
    text = json.dumps(document, separators=(",", ":"))
    if not compact:
        return text
    return base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()


def fitted(document: Dict[str, Any], *, compact: bool) -> str:
    """Return a report's line, with fewer unreachable ports named where all would not fit."""
    text = line(document, compact=compact)
    while compact and len(text) > LIMIT and document["unreachable"]:
        named = document["unreachable"]
        few = named[: len(named) // 2]
        warning = f"{len(named) - len(few)} more ports are unreachable"
        document = {
            **document,
            "unreachable": few,
            "warnings": [*document["warnings"], warning],
        }
        text = line(document, compact=compact)
    return text


def page(document: Dict[str, Any], first: int, *, compact: bool) -> str:
    """Return the line of an inspect report: the forwards from a listen port on that fit."""
    forwards = [forward for forward in document["forwards"] if forward["listen"] >= first]
    count = len(forwards)
    while True:
        following = forwards[count]["listen"] if count < len(forwards) else None
        part = {**document, "forwards": forwards[:count], "next": following}
        text = line(part, compact=compact)
        if not compact or len(text) <= LIMIT or count <= 1:
            return text
        count = max(1, count * 2 // 3)
