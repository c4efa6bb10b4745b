"""What can be seen from outside while an event is answered: calls to AWS, and the kernel's news.

Neither asks anything of who is watched: the calls are noted where the stand-in for AWS takes them,
and the kernel says by itself what was committed.
"""

from __future__ import annotations

import re
import subprocess
import threading
import time
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from local.api_call import signer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType

    from local.namespaces import Host
    from local.world import World

_POLLERS = frozenset({"ReceiveMessage", "DeleteMessage"})  # of the queue, in the function's name


class Seen(NamedTuple):
    """One call to AWS; times are seconds since the epoch."""

    service: str  # as signatures name it
    name: str  # of the operation; empty where only the body has it: EC2, ElastiCache
    began: float
    ended: float


class Calls:
    """Notes the calls that a role makes, while it is entered."""

    def __init__(self, world: World, role: str) -> None:
        """Know whose calls count: those of the roles with this in their name."""
        self._server, self._role = world.aws.server, role
        self._application: Callable[..., Iterable[bytes]] = world.aws.server.app
        self.seen: list[Seen] = []  # in the order of their ends

    def __enter__(self) -> Self:
        self._server.app = self
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.app = self._application

    def begun(self) -> tuple[Seen, ...]:
        """Return what was seen so far, in the order of its beginnings."""
        return tuple(sorted(self.seen, key=lambda call: call.began))

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request as the server does, and note it."""
        began = time.time()
        answer = self._application(environ, start)
        signed = signer(environ)
        name = environ.get("HTTP_X_AMZ_TARGET", "").rpartition(".")[2]
        if signed and self._role in signed.caller and name not in _POLLERS:
            self.seen.append(Seen(signed.service, name, began, time.time()))
        return answer


class Kernel:
    """Notes when the kernel of a host tells of new elements of nftables' maps, while entered.

    Of one change only: `nft monitor` forgets each set that a rule names which is deleted, and tells
    of no more elements of it.
    """

    def __init__(self, host: Host) -> None:
        """Know whose kernel."""
        self._host = host
        self._told: list[tuple[float, str]] = []
        self._reader = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> Self:
        self._monitor = self._host.start(
            "nft", "monitor", "new", "elements", stdout=subprocess.PIPE
        )
        self._reader.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._monitor.kill()
        self._monitor.wait()
        self._reader.join()

    def _read(self) -> None:
        for line in self._monitor.stdout or ():
            self._told.append((time.time(), line))

    def has(self, address: object) -> float | None:
        """Return when an address was told of first, None where it was not."""
        named = re.compile(rf"(?<![\d.]){re.escape(str(address))}(?![\d.])")
        return next((when for when, line in self._told if named.search(line)), None)
