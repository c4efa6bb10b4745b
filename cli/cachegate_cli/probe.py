"""Connect to listen ports from this machine as clients do: TCP, TLS where it is on, one request.

Nothing is written to a cache: the request is PING, or Memcached's version.
"""

from __future__ import annotations

import socket
import ssl
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

PATIENCE_S = 3.0  # for one port, all in all
AT_ONCE = 32
_LONGEST = 512  # bytes of an answer that are read
_REQUESTS = {"memcached": b"version\r\n"}
_PING = b"*1\r\n$4\r\nPING\r\n"


class Outcome(StrEnum):
    """How far a connection got."""

    ANSWERED = "answered"
    PASSWORD = "password"  # noqa: S105  answered that it wants one
    COMPLAINED = "complained"  # answered with another error of its own
    SILENT = "silent"  # nothing came back, not even a refusal
    REFUSED = "refused"  # reset instead of a connection
    NO_WAY = "no way"  # this machine could not even send
    MUTE = "mute"  # connected, and no answer in time
    CLOSED = "closed"  # connected, and closed or reset without an answer
    STRANGE = "strange"  # an answer of another protocol
    UNTRUSTED = "untrusted"  # the certificate is not accepted
    NO_TLS = "no tls"  # no TLS is spoken there


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """One listen port, and what should answer there."""

    vpc: str
    public: str
    listen: int
    key: str  # of the forward
    state: str  # of the forward
    reason: str
    engine: str | None  # None where nobody knows
    tls: bool
    server_name: str | None  # whom its certificate is for

    @property
    def known(self) -> bool:
        """Whether it is known what to speak there; else all we can do is connect."""
        return self.engine is not None and not (self.tls and self.server_name is None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Probed:
    """How far we got at a port, and what was said there."""

    port: Port
    outcome: Outcome
    said: str = ""


class _EndedError(Exception):
    """A probe came to its end early."""

    def __init__(self, outcome: Outcome, said: str = "") -> None:
        super().__init__(outcome, said)
        self.outcome, self.said = outcome, said


def probe_all(
    ports: Iterable[Port], context: ssl.SSLContext, done: Callable[[], None]
) -> list[Probed]:
    """Probe all ports, some at once, in the order given; `done` is called as each one is."""
    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        running = [pool.submit(probe, port, context) for port in ports]
        try:
            for _ in as_completed(running):
                done()
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
        return [each.result() for each in running]


def probe(port: Port, context: ssl.SSLContext, patience_s: float = PATIENCE_S) -> Probed:
    """Connect to one port and ask who is there."""
    deadline = time.monotonic() + patience_s
    try:
        with _connected(port, deadline) as plain:
            if not port.known:
                return Probed(port=port, outcome=Outcome.ANSWERED)
            if not port.tls:
                return _asked(port, plain, deadline)
            with _secured(port, plain, context, deadline) as wire:
                return _asked(port, wire, deadline)
    except _EndedError as end:
        return Probed(port=port, outcome=end.outcome, said=end.said)


def source_towards(public: str) -> str | None:
    """Return the address that this machine sends from to another one; nothing is sent.

    None where it has no way there.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as way:
        try:
            way.connect((public, 9))
        except OSError:
            return None
        return str(way.getsockname()[0])


def _left(deadline: float) -> float:
    return max(deadline - time.monotonic(), 0.001)


def _connected(port: Port, deadline: float) -> socket.socket:
    try:
        return socket.create_connection((port.public, port.listen), _left(deadline))
    except TimeoutError:
        raise _EndedError(Outcome.SILENT) from None
    except ConnectionRefusedError:
        raise _EndedError(Outcome.REFUSED) from None
    except OSError as error:
        raise _EndedError(Outcome.NO_WAY, error.strerror or str(error)) from error


def _secured(
    port: Port, plain: socket.socket, context: ssl.SSLContext, deadline: float
) -> ssl.SSLSocket:
    """Speak TLS and verify the name that clients inside the VPC verify, too."""
    plain.settimeout(_left(deadline))
    try:
        return context.wrap_socket(plain, server_hostname=port.server_name)
    except ssl.SSLCertVerificationError as error:
        raise _EndedError(Outcome.UNTRUSTED, error.verify_message) from error
    except TimeoutError:
        raise _EndedError(Outcome.MUTE) from None
    except (ssl.SSLEOFError, ssl.SSLZeroReturnError, ConnectionError):
        raise _EndedError(Outcome.CLOSED) from None
    except ssl.SSLError as error:
        raise _EndedError(Outcome.NO_TLS, error.reason or str(error)) from error


def _asked(port: Port, wire: socket.socket, deadline: float) -> Probed:
    try:
        wire.settimeout(_left(deadline))
        wire.sendall(_REQUESTS.get(port.engine or "", _PING))
        answer = b""
        while not answer.endswith(b"\r\n") and len(answer) < _LONGEST:
            wire.settimeout(_left(deadline))
            more = wire.recv(_LONGEST)
            if not more:
                raise _EndedError(Outcome.CLOSED)
            answer += more
    except TimeoutError:
        raise _EndedError(Outcome.MUTE) from None
    except OSError:  # reset, or TLS that breaks off
        raise _EndedError(Outcome.CLOSED) from None
    said = answer.split(b"\r\n")[0].decode(errors="replace")
    return Probed(port=port, outcome=_outcome(port.engine, said), said=said)


def _outcome(engine: str | None, said: str) -> Outcome:
    if engine == "memcached":
        return Outcome.ANSWERED if said.startswith("VERSION ") else Outcome.STRANGE
    if said == "+PONG":
        return Outcome.ANSWERED
    if said.startswith(("-NOAUTH", "-NOPERM")):
        return Outcome.PASSWORD
    return Outcome.COMPLAINED if said.startswith("-") else Outcome.STRANGE
