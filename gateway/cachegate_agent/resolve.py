"""Look names up with the instance's own resolver, for a function that cannot see the VPC's DNS."""

from __future__ import annotations

import queue
import socket
import threading
import time
from typing import Any, Dict, List

from cachegate_agent.errors import Refused

SECONDS = 5.0  # for all names together
AT_ONCE = 32
MAX_NAMES = 1000


def resolve(document: Dict[str, Any]) -> Dict[str, List[str]]:
    """Return the IPv4 addresses of each name, sorted; names that failed are left out."""
    names: queue.Queue[str] = queue.Queue()
    answers: queue.Queue[tuple[str, List[str]]] = queue.Queue()
    wanted = set(_names(document))
    for name in sorted(wanted):
        names.put(name)
    for _ in range(min(AT_ONCE, len(wanted))):
        # Daemons, because nothing can interrupt a look-up that hangs: the process just ends.
        threading.Thread(target=_work, args=(names, answers), daemon=True).start()
    return {name: found for name, found in _collect(answers, len(wanted)).items() if found}


def _collect(answers: queue.Queue[tuple[str, List[str]]], count: int) -> Dict[str, List[str]]:
    end = time.monotonic() + SECONDS
    collected: Dict[str, List[str]] = {}
    while len(collected) < count:
        try:
            name, found = answers.get(timeout=max(0.0, end - time.monotonic()))
        except queue.Empty:
            break
        collected[name] = found
    return collected


def _work(names: queue.Queue[str], answers: queue.Queue[tuple[str, List[str]]]) -> None:
    while True:
        try:
            name = names.get_nowait()
        except queue.Empty:
            return
        answers.put((name, _addresses(name)))


def _addresses(name: str) -> List[str]:
    try:
        found = socket.getaddrinfo(name, None, socket.AF_INET, socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return sorted({str(address[0]) for *_, address in found}, key=socket.inet_aton)


def _names(document: Dict[str, Any]) -> List[str]:
    if document.keys() != {"schema", "names"} or document["schema"] != 1:
        raise Refused("malformed", "payload: not {schema: 1, names: [...]}")
    names = document["names"]
    if not isinstance(names, list) or len(names) > MAX_NAMES:
        raise Refused("malformed", f"names: not a list of at most {MAX_NAMES}")
    for index, name in enumerate(names):
        if not isinstance(name, str) or not 0 < len(name) <= 253 or not name.isascii():
            raise Refused("malformed", f"names[{index}]: not a DNS name")
    return names
