"""Which events a rule's pattern matches, by AWS's own description.

moto takes operators that it does not know for a match, an object for a missing field and 1 for
true, and does not look into arrays of objects. The operators here are those that event buses know
for text; any other is refused, so that no pattern passes unseen
(https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

_ABSENT = object()


class UnknownOperatorError(RuntimeError):
    """A pattern has an operator that cannot be judged here."""


def matches(pattern: Mapping[str, Any], event: Any) -> bool:
    """Tell whether all fields of a pattern are met: by an object, or by one of an array of them."""
    if isinstance(event, list) and event:
        return any(matches(pattern, each) for each in event)
    fields = event if isinstance(event, dict) else {}
    return all(_met(wanted, fields.get(key, _ABSENT)) for key, wanted in pattern.items())


def _met(wanted: Mapping[str, Any] | Sequence[Any], value: Any) -> bool:
    """Tell whether a field is met: by any of the values that are wanted, in any place of an array.

    Operators see leaves only, so for them a field that holds an object is not there.
    """
    if isinstance(wanted, dict):
        return matches(wanted, value)
    leaves = list(_leaves(value))
    return any(_meets(each, leaves) for each in wanted)


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, list):
        for each in value:
            yield from _leaves(each)
    elif value is not _ABSENT and not isinstance(value, dict):
        yield value


def _meets(wanted: Any, leaves: Sequence[Any]) -> bool:
    if isinstance(wanted, dict) and "exists" in wanted:
        return bool(leaves) is wanted["exists"]
    test = _test(wanted)
    return any(test(leaf) for leaf in leaves)


def _test(wanted: Any) -> Callable[[Any], bool]:
    """Return what one leaf must pass: to be the value itself, or what an operator asks."""
    if not isinstance(wanted, dict):
        return lambda leaf: leaf == wanted and isinstance(leaf, bool) is isinstance(wanted, bool)
    ((operator, operand),) = wanted.items()
    if operator == "anything-but":
        tests = [_test(each) for each in (operand if isinstance(operand, list) else [operand])]
        return lambda leaf: not any(test(leaf) for test in tests)
    if not isinstance(operand, str) or operator not in _OF_TEXT:
        raise UnknownOperatorError(f"{operator}: {operand!r}")
    return lambda leaf: isinstance(leaf, str) and _OF_TEXT[operator](leaf, operand)


_OF_TEXT: dict[str, Callable[[str, str], bool]] = {
    "prefix": str.startswith,
    "suffix": str.endswith,
    "equals-ignore-case": lambda leaf, operand: leaf.lower() == operand.lower(),
}
