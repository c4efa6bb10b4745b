"""Text from outside, such as a tag that anybody may write, made harmless for a terminal."""

from __future__ import annotations

import unicodedata

# Control characters, and those that reorder or hide text: a name must not look like another one.
_HARMFUL = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def plain(value: object) -> str:
    """Return it as one line, in which what could steer a terminal is written as its code."""
    return "".join(_shown(character) for character in str(value))


def _shown(character: str) -> str:
    if character in "\t\n\r":
        return " "
    if unicodedata.category(character) not in _HARMFUL:
        return character
    return character.encode("unicode_escape", "surrogatepass").decode()
