"""Read JSON that may be anything, and say of a wrong part where it stands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_NAMES = {
    dict: "an object",
    list: "a list",
    str: "text",
    int: "a whole number",
    float: "a fraction",
    bool: "true or false",
    type(None): "missing",
}


class JsonError(Exception):
    """The JSON is not what it should be; the message is one line and says where."""


@dataclass(frozen=True, slots=True)
class Part:
    """An object in the JSON, and the way to it. Null counts as missing."""

    value: dict[str, Any]
    way: str = ""

    @classmethod
    def of(cls, value: object, way: str = "") -> Part:
        """Take a value that must be an object."""
        return cls(_as(dict, value, way or "the file"), way)

    def has(self, key: str) -> bool:
        """Tell whether there is such a field."""
        return self.value.get(key) is not None

    def path(self, key: str) -> str:
        """Write the way to a field, such as IpPermissions[0].FromPort."""
        return f"{self.way}.{key}" if self.way else key

    def text(self, key: str) -> str:
        """Return a field that must be text, and not empty."""
        text: str = self._field(str, key)
        if not text:
            raise JsonError(f"{self.path(key)} is empty")
        return text

    def number(self, key: str) -> int | None:
        """Return a field that must be a whole number, or None where it is missing."""
        number: int | None = self._field(int, key) if self.has(key) else None
        return number

    def flag(self, key: str) -> bool:
        """Return a field that must be true or false; missing is false."""
        return bool(self._field(bool, key)) if self.has(key) else False

    def part(self, key: str) -> Part:
        """Return a field that must be an object."""
        return Part(self._field(dict, key), self.path(key))

    def parts(self, key: str) -> Iterator[Part]:
        """Go through a field that must be a list of objects."""
        for index, value in enumerate(self._field(list, key)):
            yield Part.of(value, f"{self.path(key)}[{index}]")

    def _field(self, kind: type, key: str) -> Any:
        return _as(kind, self.value.get(key), self.path(key))


def _as(kind: type, value: object, way: str) -> Any:
    """Return a value of exactly this kind: JSON's true is no number."""
    if type(value) is not kind:
        raise JsonError(f"{way} is {_NAMES[type(value)]}, but must be {_NAMES[kind]}")
    return value
