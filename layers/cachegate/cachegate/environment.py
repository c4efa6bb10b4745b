"""Read settings from the environment that the template gives a function.

The names are CACHEGATE_ and the setting's name in capitals. What is missing or wrong is told by the
variable's name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from ipaddress import IPv4Network, collapse_addresses
from math import isfinite
from typing import TYPE_CHECKING, Any, TypeVar

from cachegate.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX = "CACHEGATE_"

Number = TypeVar("Number", int, float)


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads variables, each by its name without the prefix."""

    environment: Mapping[str, str]

    def optional(self, name: str) -> str | None:
        """Return the text, or None where the variable is missing or empty."""
        return self.environment.get(PREFIX + name, "").strip() or None

    def text(self, name: str) -> str:
        """Return the text of a variable that must be there."""
        value = self.optional(name)
        if value is None:
            raise ConfigurationError(f"the environment variable {PREFIX}{name} is missing")
        return value

    def choice(self, name: str, allowed: tuple[str, ...]) -> str:
        """Return one of the allowed words; the first of them where nothing is said."""
        value = self.optional(name) or allowed[0]
        if value not in allowed:
            raise ConfigurationError(
                f"{PREFIX}{name} is {value!r}, not one of {', '.join(allowed)}"
            )
        return value

    def flag(self, name: str) -> bool:
        """Read true or false; false where nothing is said."""
        return self.choice(name, ("false", "true")) == "true"

    def networks(self, name: str) -> tuple[IPv4Network, ...]:
        """Read a comma-separated list of IPv4 networks; joined where they touch, and sorted.

        Host bits are masked, as AWS does with the CIDRs of security-group rules.
        """
        found = []
        for part in filter(None, (self.optional(name) or "").replace(" ", "").split(",")):
            try:
                found.append(IPv4Network(part, strict=False))
            except ValueError as error:
                raise ConfigurationError(f"{PREFIX}{name}: {error}") from error
        return tuple(collapse_addresses(found))

    def port_range(self, name: str) -> tuple[int, int]:
        """Read a range such as 6379-8378."""
        match = re.fullmatch(r"(\d{1,5})-(\d{1,5})", self.text(name))
        if match is None:
            raise ConfigurationError(f"{PREFIX}{name} is not a range such as 6379-8378")
        return int(match[1]), int(match[2])

    def pairs(self, name: str) -> dict[str, str]:
        """Read a comma-separated list of a=b."""
        parts = filter(None, (self.optional(name) or "").replace(" ", "").split(","))
        pairs = dict(part.partition("=")[::2] for part in parts)
        if not (all(pairs) and all(pairs.values())):
            raise ConfigurationError(f"{PREFIX}{name} is not a list such as vpc-cache=vpc-nat")
        return pairs

    def numbers(self, owner: type[Any]) -> dict[str, Any]:
        """Read every number of the class that has a default and is not part of the port range."""
        return {
            field.name: self.number(field.name.upper(), field.default)
            for field in fields(owner)
            if isinstance(field.default, int | float)
            and not isinstance(field.default, bool)
            and not field.name.endswith("_port")
        }

    def words(self, name: str) -> tuple[str, ...]:
        """Read a comma-separated list of words."""
        return tuple(filter(None, (self.optional(name) or "").replace(" ", "").split(",")))

    def number(self, name: str, default: Number) -> Number:
        """Read a number of the default's type that is not negative, and not without end."""
        text = self.optional(name)
        if text is None:
            return default
        try:
            value = float(text)
        except ValueError as error:
            raise ConfigurationError(f"{PREFIX}{name} is not a number: {text!r}") from error
        if not isfinite(value):
            raise ConfigurationError(f"{PREFIX}{name} is not a number: {text!r}")
        if value < 0:
            raise ConfigurationError(f"{PREFIX}{name} is negative: {text}")
        return type(default)(value)
