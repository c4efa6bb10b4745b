"""The two ways in which an action ends without its result; main turns them into exit codes."""

from __future__ import annotations


class AgentError(Exception):
    """An error with a code that programs read and a message that people read."""

    exit_code = 1

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Refused(AgentError):  # noqa: N818 - the word of the contract
    """The request cannot be accepted; nothing was changed."""

    exit_code = 2


class Failed(AgentError):  # noqa: N818 - the word of the contract
    """The action was tried and did not succeed; the last good rule set still stands."""
