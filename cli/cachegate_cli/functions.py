"""The functions of a stack, wherever they are: whom a command asks."""

from __future__ import annotations

from typing import Any, Protocol

SYNC, GUARD = "SyncFunctionName", "GuardFunctionName"  # outputs of the stack
PATIENCE_S = 330.0  # for an answer: longer than either function may run (120 and 300 s)


class InvokeError(Exception):
    """The function was not found or did not answer; the message says what to do."""


class Functions(Protocol):
    """One stack's functions."""

    def invoke(self, event: dict[str, Any], function_output: str = SYNC) -> dict[str, Any]:
        """Send one action, once, and return its answer. Raises InvokeError."""
        ...
