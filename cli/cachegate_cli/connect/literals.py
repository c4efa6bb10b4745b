"""Write text from outside as a literal of each language, so that it can never become code."""

from __future__ import annotations

import json
import re
import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_PLAIN = re.compile(r"[^ !#-\[\]-~]")  # all but printable ASCII, and " and \
_UNTOLD = re.compile(r"[^A-Za-z0-9 ._:/,;()@=+%'-]")


class Code(str):
    """Text that stands in a snippet as it is: a literal, or what a comment may hold."""

    __slots__ = ()


def json_like(text: str) -> Code:
    """Write a string of JavaScript, Java or C#, which all know JSON's escapes."""
    return Code(json.dumps(text))


def python_or_go(text: str) -> Code:
    r"""Write a string of Python or Go, which both know `\U` with eight digits."""
    return _quoted(text, lambda char: f"\\U{ord(char):08x}")


def rust(text: str) -> Code:
    """Write a string of Rust."""
    return _quoted(text, lambda char: f"\\u{{{ord(char):x}}}")


def php(text: str) -> Code:
    """Write a string of PHP, which looks for variables in it, and knows Rust's escapes."""
    return Code(rust(text).replace("$", r"\u{24}"))


def shell(text: str) -> Code:
    """Write a word of a POSIX shell."""
    return Code(shlex.quote(text))


def comment(text: str) -> Code:
    """Write text into a comment: nothing that could end it, in any language."""
    return Code(_UNTOLD.sub("?", text))


def _quoted(text: str, escape: Callable[[str], str]) -> Code:
    return Code('"' + _PLAIN.sub(lambda found: escape(found[0]), text) + '"')


FILTERS: dict[str, Callable[[str], Code]] = {
    "js": json_like,
    "java": json_like,
    "cs": json_like,
    "py": python_or_go,
    "go": python_or_go,
    "rust": rust,
    "php": php,
    "sh": shell,
    "say": comment,
}
