"""One cache of an answer to `describe`, and what a word that names none may mean. Pure."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def narrowed(described: Mapping[str, Any], cache: str | None) -> dict[str, Any]:
    """Return the answer with what concerns one cache; None means all of them."""
    if cache is None or "vpcs" not in described:
        return dict(described)

    def theirs(each: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        return [entry for entry in each if entry["cache"] == cache]

    vpcs = [
        {**vpc, "forwards": theirs(vpc["forwards"]), "caches": theirs(vpc.get("caches", []))}
        for vpc in described["vpcs"]
    ]
    problems = theirs(described.get("not_forwarded", []))
    return {**described, "vpcs": vpcs, "not_forwarded": problems}


def unknown(described: Mapping[str, Any], word: str) -> str | None:
    """Say that a word names no cache, and what it may mean; None where it names one."""
    names = _names(described)
    if word in names:
        return None
    there = f"there are {', '.join(names)}" if names else "none is exposed"
    return f"there is no cache {word}: {meaning(described, word) or there}"


def meaning(described: Mapping[str, Any], word: str) -> str | None:
    """Say what a word may mean that names no cache: a port, a node, or a cache misspelt.

    None where it names one, or nobody can tell.
    """
    names = _names(described)
    if word in names:
        return None
    for vpc in described.get("vpcs", []):
        for each in vpc["forwards"]:
            if word == str(each["listen"]):
                return f"that is a listen port of {each['cache']}"
            if each["node"] and word in (each["node"], each["node"].partition("/")[0]):
                return f"that is a node of {each['cache']}"
    near = get_close_matches(word, names, n=1)
    return f"did you mean {near[0]}?" if near else None


def _names(described: Mapping[str, Any]) -> list[str]:
    entries = [*described.get("not_forwarded", [])]
    for vpc in described.get("vpcs", []):
        entries += [*vpc.get("caches", []), *vpc["forwards"]]
    return sorted({str(each["cache"]) for each in entries})
