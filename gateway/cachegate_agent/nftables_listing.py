"""Read what `nft -j list table` says about our table."""

from __future__ import annotations

import hashlib
import json
import re
from ipaddress import (
    IPv4Address,
    IPv4Network,
    collapse_addresses,
    summarize_address_range,
)
from typing import Any, Dict, FrozenSet, Iterator, List, NamedTuple, Optional, Tuple

from cachegate_agent import nftables_text as text
from cachegate_agent.backend import OUR_BITS, STAMPS, Live
from cachegate_agent.errors import Failed
from cachegate_agent.rules import Identity, Target, address_of

# A stamp, or the bits that stay where one is given: nft puts those of the stamp into that mask.
_STAMP = re.compile(
    r"\b(?:{})\b".format("|".join(f"{stamp}|{0xFFFFFFFF ^ OUR_BITS | stamp}" for stamp in STAMPS))
)


class UnexpectedError(Exception):
    """The table holds something that we would not have written."""


class Listing(NamedTuple):
    """The objects of our table, by kind and name."""

    sets: Dict[str, Dict[str, Any]]
    chains: Dict[str, Dict[str, Any]]
    rules: Dict[str, List[Dict[str, Any]]]  # by chain
    others: List[Any]  # kinds that we never make

    @classmethod
    def parse(cls, output: str) -> Listing:
        """Sort the objects of nft's JSON; raise Failed where it is none."""
        try:
            objects = json.loads(output)["nftables"]
        except (json.JSONDecodeError, KeyError, TypeError) as error:
            raise Failed("kernel_refused", f"nft printed no JSON listing ({error})") from error
        listing = cls({}, {}, {}, [])
        for item in objects:
            ((kind, body),) = item.items()
            body.pop("handle", None)
            if kind in ("set", "map"):
                listing.sets[body["name"]] = {**body, "kind": kind}
            elif kind == "chain":
                listing.chains[body["name"]] = body
            elif kind == "rule":
                listing.rules.setdefault(body["chain"], []).append(body)
            elif kind not in ("metainfo", "table"):
                listing.others.append(item)
        return listing

    def live(self) -> Live:
        """Return the content; the shape is "" where something is there that we did not write."""
        identity, stamps = self._identity(), self._stamps()
        try:
            sources, targets = self._sources(), self._targets()
            self._check_redundant(targets)
            shape = self._shape() if len(stamps) == 1 else ""
        except (UnexpectedError, KeyError, ValueError, TypeError, IndexError):
            # Any of these says the same: some value has not the form that we write.
            return Live(identity, (), {}, stamps, "")
        return Live(identity, sources, targets, stamps, shape)

    def has_our_frame(self) -> bool:
        """Tell whether all that we declare is there as declared, and nothing else is."""
        named = {chain.name for chain in text.CHAINS} | {"identity"}
        extra = {name for name in self.chains if not name.startswith(text.READERS)} - named
        return not (
            self.others
            or extra
            or self.sets.keys() != text.SETS.keys()
            or any(self.sets[name]["kind"] != word for name, (word, _) in text.SETS.items())
            or any(not self._is_hooked(chain) for chain in text.CHAINS)
        )

    def readers_chains(self) -> List[int]:
        """Return the ports that have a chain for sharing out connections."""
        numbers = (
            name[len(text.READERS) :] for name in self.chains if name.startswith(text.READERS)
        )
        return [int(number) for number in numbers if number.isdecimal()]

    def _is_hooked(self, chain: text.Chain) -> bool:
        found = self.chains.get(chain.name)
        if found is None:
            return False
        if not chain.hook:
            return "hook" not in found
        return chain.hook == (
            f"type {found.get('type')} hook {found.get('hook')} priority {found.get('prio')};"
            f" policy {found.get('policy')};"
        )

    def _identity(self) -> Optional[Identity]:
        try:
            (rule,) = self.rules["identity"]
            return Identity.parse(rule["comment"])
        except (KeyError, ValueError):
            return None

    def _stamps(self) -> FrozenSet[int]:
        return frozenset(int(number) & OUR_BITS for number in _STAMP.findall(self._rules()))

    def _rules(self) -> str:
        return json.dumps([self.rules.get(chain.name) for chain in text.CHAINS], sort_keys=True)

    def _elements(self, name: str) -> List[Any]:
        elements: List[Any] = self.sets[name].get("elem", [])
        return elements

    def _sources(self) -> Tuple[IPv4Network, ...]:
        networks = (part for item in self._elements("sources") for part in _networks(item))
        return tuple(collapse_addresses(networks))

    def _targets(self) -> Dict[int, Tuple[Target, ...]]:
        targets: Dict[int, Tuple[Target, ...]] = {port: () for port in self._elements("listens")}
        for listen, value in self._elements("forwards"):
            targets[listen] = (_target(value),)
        for listen, verdict in self._elements("readers"):
            if verdict["goto"]["target"] != f"{text.READERS}{listen}" or targets[listen]:
                raise UnexpectedError(listen)
            targets[listen] = tuple(sorted(self._shared(listen)))
        return targets

    def _shared(self, listen: int) -> List[Target]:
        (rule,) = self.rules[f"{text.READERS}{listen}"]
        (action,) = (step for step in rule["expr"] if "match" not in step)
        choice = action["dnat"]["addr"]["map"]
        places = choice["data"]["set"]
        if choice["key"]["numgen"]["mod"] != len(places):
            raise UnexpectedError(listen)
        return [_target(value) for _, value in places]

    def _check_redundant(self, targets: Dict[int, Tuple[Target, ...]]) -> None:
        """Check that the sets that repeat the maps say the same."""
        live: Dict[int, List[Target]] = {}
        for item in self._elements("live"):
            listen, address, port = item["concat"]
            live.setdefault(listen, []).append(Target(address_of(address), port))
        found = {listen: tuple(sorted(some)) for listen, some in live.items()}
        if found != {listen: some for listen, some in targets.items() if some}:
            raise UnexpectedError("live")
        if set(self._elements("listens")) != targets.keys():
            raise UnexpectedError("listens")
        ports = {target.port for some in targets.values() for target in some}
        if set(self._elements("answering")) != ports:
            raise UnexpectedError("answering")

    def _shape(self) -> str:
        """Hash all that does not change with the rule set.

        Beside what is there, what this version of the agent writes: where another version wrote
        it, the shape differs, and the next swap writes everything afresh.
        """
        if not self.has_our_frame() or self._miscounted():
            return ""
        fixed = {
            "sets": [
                {key: value for key, value in self.sets[name].items() if key != "elem"}
                for name in text.SETS
            ],
            "chains": [self.chains[chain.name] for chain in text.CHAINS],
            "rules": _STAMP.sub("stamp", self._rules()),
            "written": [text.SETS, text.chains()],
        }
        return hashlib.sha256(json.dumps(fixed, sort_keys=True).encode()).hexdigest()

    def _miscounted(self) -> bool:
        """Tell whether a chain has more or fewer rules than we write into it."""
        expected = {chain.name: len(chain.rules) for chain in text.chains() if chain.rules}
        expected["identity"] = 1
        expected.update({f"{text.READERS}{port}": 1 for port, _ in self._elements("readers")})
        return {name: len(rules) for name, rules in self.rules.items()} != expected


def _networks(item: Any) -> Iterator[IPv4Network]:
    """Read one element of an interval set: an address, a prefix or a range."""
    if isinstance(item, str):
        yield IPv4Network(item)
    elif "prefix" in item:
        yield IPv4Network(f"{item['prefix']['addr']}/{item['prefix']['len']}")
    else:
        first, last = (IPv4Address(end) for end in item["range"])
        yield from summarize_address_range(first, last)


def _target(value: Any) -> Target:
    address, port = value["concat"]
    return Target(address_of(address), port)
