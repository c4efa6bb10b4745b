"""The functions of a running embedded world, asked through its Unix socket (`make local`)."""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cachegate_cli.functions import PATIENCE_S, SYNC, InvokeError

if TYPE_CHECKING:
    from collections.abc import Mapping

START = "start one with `make local` in a checkout of cachegate"


def socket_path(environment: Mapping[str, str]) -> Path:
    """Return where the socket of an embedded world is."""
    if chosen := environment.get("CACHEGATE_LOCAL"):
        return Path(chosen)
    cache = environment.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "cachegate" / "local.sock"


def runs(path: Path) -> bool:
    """Tell whether an embedded world listens there."""
    with socket.socket(socket.AF_UNIX) as wire:
        try:
            wire.connect(str(path))
        except OSError:
            return False
    return True


@dataclass(frozen=True, slots=True)
class Local:
    """An embedded world on this machine."""

    path: Path

    def invoke(self, event: dict[str, Any], function_output: str = SYNC) -> dict[str, Any]:
        """Send one action, once, and return its answer. Raises InvokeError."""
        reply = self._exchange({"function": function_output, "event": event})
        answer = reply.get("answer")
        if isinstance(answer, dict):
            return answer
        raise InvokeError(f"the embedded world: {reply.get('failed') or 'it gave no answer'}")

    def _exchange(self, request: dict[str, Any]) -> dict[str, Any]:
        try:
            with socket.socket(socket.AF_UNIX) as wire:
                wire.settimeout(PATIENCE_S)
                wire.connect(str(self.path))
                wire.sendall(json.dumps(request).encode() + b"\n")
                with wire.makefile("rb") as lines:
                    line = lines.readline()
        except (FileNotFoundError, ConnectionRefusedError) as error:
            raise InvokeError(f"no embedded world listens at {self.path}: {START}") from error
        except TimeoutError as error:
            raise InvokeError(
                f"the embedded world at {self.path} did not answer in time"
            ) from error
        except OSError as error:
            why = error.strerror or str(error)
            raise InvokeError(
                f"the embedded world at {self.path} cannot be asked: {why}"
            ) from error
        try:
            reply = json.loads(line)
        except ValueError:
            reply = None
        if not isinstance(reply, dict):
            raise InvokeError(f"the embedded world at {self.path} ended before it answered")
        return reply
