"""The command line: one action, one last line of JSON, one exit code."""

from __future__ import annotations

import argparse
import gc
import os
import sys
from pathlib import Path
from typing import Any, Dict, List, NoReturn

from cachegate_agent import apply, capacity, instance, payload, preflight, report, units
from cachegate_agent.errors import AgentError, Failed, Refused
from cachegate_agent.inspection import inspect
from cachegate_agent.probe import senders, unreachable
from cachegate_agent.removal import remove
from cachegate_agent.resolve import resolve
from cachegate_agent.state import DEFAULT, State

OLDEST_PYTHON = (3, 9)
MAX_FILE = 2 * payload.LIMIT  # bytes: base64 of what compression could not shrink


class _Parser(argparse.ArgumentParser):
    """Ends with the error object of the contract instead of a usage text."""

    def error(self, message: str) -> NoReturn:
        raise Refused("malformed", f"command line: {message}")


class Run:
    """One action and its answer, as the line that ends the output."""

    def __init__(self, options: argparse.Namespace, state: State) -> None:
        self._options = options
        self._state = state

    def act(self) -> str:
        """Do what was asked; raise AgentError where that does not succeed."""
        if self._options.action in ("render", "resolve"):
            return self._without_state()
        if self._options.action == "apply":
            # Whoever sends rubbish does not even wait for the lock, nor leave a directory behind.
            document = self._document()
            order = apply.Order(payload.rules_of(document), document)
            with self._state.locked():
                return self._fitted(self._apply(order))
        with self._state.locked():
            return self._with_state()

    def _without_state(self) -> str:
        document = self._document()
        if self._options.action == "resolve":
            return self._line({"addresses": resolve(document)})
        rules = payload.rules_of(document)
        backend = preflight.choose_unprivileged()
        print(backend.render(rules))
        return self._line({"backend": backend.name, "digest": rules.digest})

    def _with_state(self) -> str:
        if self._options.action == "inspect":
            saved = self._state.load()
            whole = inspect(self._state, saved)
            whole["unreachable"] = unreachable(saved.rules) if saved else []
            whole["senders"] = senders(saved.rules) if saved else []
            whole.update(capacity.figures())
            return report.page(whole, self._options.first, compact=self._options.compact)
        if self._options.action == "remove":
            return self._fitted(remove(self._state))
        return self._fitted(self._renew())

    def _apply(self, order: apply.Order) -> Dict[str, Any]:
        done = apply.put(order, self._state).report()
        done["warnings"] += units.install(self._state)
        # Both wait for answers that may not come, so they wait together.
        question = instance.Question(self._state)
        done["unreachable"] = unreachable(order.rules)
        done.update(capacity.figures())
        question.settle()
        return done

    def _renew(self) -> Dict[str, Any]:
        saved = self._state.load()
        if saved is None:
            return _nothing()
        instance.confirm(self._state, saved, booted=self._options.action == "restore")
        return apply.renew(self._state, saved).report()

    def _document(self) -> Dict[str, Any]:
        if self._options.payload_file is not None:
            return payload.decode(_read(self._options.payload_file))
        if self._options.payload is not None:
            return payload.decode(self._options.payload)
        raise Refused("malformed", f"payload: {self._options.action} needs one")

    def _fitted(self, document: Dict[str, Any]) -> str:
        return report.fitted(document, compact=self._options.compact)

    def _line(self, document: Dict[str, Any]) -> str:
        return report.line(document, compact=self._options.compact)


def _nothing() -> Dict[str, Any]:
    """Report that nothing was ever applied here."""
    return {
        "generation": 0,
        "digest": "",
        "backend": "",
        "changed": False,
        "forwards": 0,
        "flows_stale": 0,
        "flows_told": 0,
        "unreachable": [],
        "warnings": [],
        "elapsed_ms": 0,
    }


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE + 1)
    except OSError as error:
        raise Refused("malformed", f"payload: {path}: {error.strerror}") from error
    if len(content) > MAX_FILE:
        raise Refused("malformed", f"payload: more than {MAX_FILE} bytes")
    return content.decode("latin-1").strip()


def _options(arguments: List[str]) -> argparse.Namespace:
    parser = _Parser(prog="agent.py", description=__doc__)
    parser.add_argument(
        "action",
        choices=("apply", "render", "inspect", "repair", "restore", "resolve", "remove"),
    )
    given = parser.add_mutually_exclusive_group()
    given.add_argument("--payload", metavar="BASE64", help="base64(gzip(JSON))")
    given.add_argument("--payload-file", metavar="FILE", type=Path, help="a file with the same")
    parser.add_argument("--compact", action="store_true", help="answer in base64(gzip(JSON))")
    parser.add_argument("--from", dest="first", metavar="LISTEN", type=int, default=0)
    return parser.parse_args(arguments)


def main(arguments: List[str]) -> int:
    """Run one action and return the exit code."""
    compact = "--compact" in arguments
    # A run is short and leaves next to no cycles: looking for them costs more than it frees.
    gc.disable()
    # Messages of the tools are read by us, and not every caller has the system folders in PATH.
    os.environ["LC_ALL"] = "C"
    os.environ["PATH"] = f"{os.environ.get('PATH', '')}:/usr/local/sbin:/usr/sbin:/sbin"
    try:
        if sys.version_info < OLDEST_PYTHON:
            raise Refused("unsupported_platform", "Python 3.9 or later is needed")
        options = _options(arguments)
        folder = Path(os.environ.get("CACHEGATE_STATE_DIR") or DEFAULT)
        print(Run(options, State(folder)).act())
    except AgentError as error:
        return _ended(error, compact=compact)
    except OSError as error:
        return _ended(Failed("state_unusable", str(error)), compact=compact)
    return 0


def _ended(error: AgentError, *, compact: bool) -> int:
    answer = {"error": {"code": error.code, "message": error.message}}
    print(report.line(answer, compact=compact))
    return error.exit_code
