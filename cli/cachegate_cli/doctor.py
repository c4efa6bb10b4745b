"""The command `doctor`: what is in order, what is not, and what to do about it, a line each."""

from __future__ import annotations

import os
import ssl
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cachegate_cli.asking import Asking, fail
from cachegate_cli.checks import Check, checks_of_guard, checks_of_sync, told
from cachegate_cli.functions import GUARD, SYNC, InvokeError
from cachegate_cli.local import Local
from cachegate_cli.options import asks
from cachegate_cli.probe import probe_all, source_towards
from cachegate_cli.show_checks import draw_checks
from cachegate_cli.terminal import print_json, put, waiting
from cachegate_cli.verdicts import CHECK, Known, ports_of, sources_of, targets_of, verdicts_of

if TYPE_CHECKING:
    from collections.abc import Iterator

Probe = Annotated[
    bool,
    typer.Option(
        "--probe",
        help="Also connect: from here to every listen port, and from NAT instances to every node.",
    ),
]
CaFile = Annotated[
    Path | None,
    typer.Option(
        "--ca-file",
        metavar="FILE",
        envvar="CACHE_CA_FILE",
        help="Trust this CA (PEM) for the caches' TLS certificates, instead of the system's.",
    ),
]


@asks
def doctor(asking: Asking, *, probe: Probe = False, ca_file: CaFile = None) -> None:
    """Check everything that forwarding and its safety rest on, each with what to do about it.

    Changes nothing. A probe sends PING, or version to Memcached.
    """
    context = _context(ca_file)
    guard = _asked(asking, {"action": "findings"}, GUARD)
    event: dict[str, Any] = {"action": "doctor"} | ({"probe": True} if probe else {})
    sync = _asked(asking, event, SYNC)
    if isinstance(guard, InvokeError) and isinstance(sync, InvokeError):
        fail(str(sync))
    checks = [
        *told("forwards", checks_of_sync(sync, asking.name), asking.name),
        *told("guard", checks_of_guard(guard, asking.name, datetime.now(UTC)), asking.name),
    ]
    if probe:
        checks += told(CHECK, _probed(asking, context, checks), asking.name)
    if asking.as_json:
        print_json([asdict(check) for check in checks])
    else:
        put(draw_checks(checks, asking.name))
    if any(check.state != "pass" for check in checks):
        raise typer.Exit(1)


def _asked(asking: Asking, event: dict[str, Any], output: str) -> dict[str, Any] | InvokeError:
    """Return an answer, or why there is none: the other function's checks are shown even so."""
    try:
        with waiting(f"asking {asking.name}"):
            return asking.functions.invoke(event, output)
    except InvokeError as error:
        return error


def _context(ca_file: Path | None) -> ssl.SSLContext:
    """Return what verifies certificates and names, as a client library does."""
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:  # an ssl.SSLError is one, too
        fail(f"{str(ca_file)!a} holds no CA certificates: {error.strerror or error}")


def _probed(asking: Asking, context: ssl.SSLContext, checks: list[Check]) -> Iterator[Check]:
    """Connect to every listen port, and judge what came of it."""
    if isinstance(asking.functions, Local) and not os.environ.get("CACHEGATE_LOCAL"):
        says = "this machine is not the client, so nothing was connected to from here"
        fix = "run it in the shell of `make local`"
        yield Check(check=CHECK, subject=asking.name, state="unknown", says=says, fix=fix)
        return
    described = _asked(asking, {"action": "describe"}, SYNC)
    if isinstance(described, InvokeError) or not described.get("ok"):
        says = "which listen ports there are is not known"
        yield Check(
            check=CHECK, subject=asking.name, state="unknown", says=says, fix="cachegate describe"
        )
        return
    ports = ports_of(described)
    with waiting(f"connecting to {len(ports)} listen ports") as progress:
        task, count = progress.task_ids[0], 0

        def done() -> None:
            nonlocal count
            count += 1
            progress.update(task, description=f"connecting to listen ports: {count}/{len(ports)}")

        probed = probe_all(ports, context, done)
    known = Known(
        sources=sources_of(described),
        own={public: source_towards(public) for public in {port.public for port in ports}},
        targets=targets_of(checks),
    )
    yield from verdicts_of(probed, known)
