"""Ask where no answer is an answer too: a check-up goes on, and says what it could not see."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from cachegate.aws.failures import CallError, in_words
from cachegate.domain.check import Unanswered
from cachegate.errors import CachegateError

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


def ask(question: Callable[[], T]) -> T | Unanswered:
    """Return the answer, or why there is none: denied, throttled, out of reach."""
    try:
        return question()
    except CachegateError as error:
        return Unanswered(str(error))
    except CallError as error:
        return Unanswered(in_words(error))
