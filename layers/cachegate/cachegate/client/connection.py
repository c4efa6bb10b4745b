"""How clients outside reach one cache, as the action `describe` of sync_forwards tells it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cachegate.client.errors import (
    NotForwardedError,
    NotToldError,
    OutdatedStackError,
    SeveralCachesError,
    UnknownCacheError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Place = tuple[str, int]  # a name or an address, and a port

LEADING = ("forwarding", "leaving")
_HOST_AND_PORT = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*):([0-9]{1,5})")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientForward:
    """One forward, as seen from outside."""

    kind: str  # node, primary, readers or endpoint
    node: str | None  # cluster id and node id; of the kind `node` alone
    shard: str | None
    role: str | None  # primary or replica, where the cache has roles that AWS tells
    state: str  # forwarding, waiting, leaving, withheld or at_rest
    endpoint: Place | None  # the name and port that clients inside the VPC use
    targets: tuple[Place, ...]  # the addresses behind it now
    listen: int

    @property
    def leads(self) -> bool:
        """Tell whether packets to the listen port reach something now.

        One that is leaving does so until two passes agree that its node or tag is gone.
        """
        return self.state in LEADING


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """A cache and its forwards, in the order of their listen ports."""

    cache: str
    kind: str  # replication-group, cluster or serverless
    engine: str  # redis, valkey or memcached
    cluster_mode: bool
    tls: bool
    auth: bool
    public: str  # the address of the NAT instance to connect to
    endpoint: Place | None  # the configuration endpoint, or a serverless cache's
    forwards: tuple[ClientForward, ...]

    @property
    def clustered(self) -> bool:
        """Tell whether a client must speak Redis's cluster protocol.

        A serverless cache does so on its one endpoint, and announces that.
        https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/serverless-architecture.html
        """
        return self.cluster_mode or (self.kind == "serverless" and self.engine != "memcached")

    @property
    def nodes(self) -> tuple[ClientForward, ...]:
        """Return the forwards that lead to one node each, and are there to stay."""
        return tuple(f for f in self.forwards if f.kind == "node" and f.state == "forwarding")

    def of_kind(self, kind: str) -> ClientForward | None:
        """Return the forward of a kind that a cache has once, where it leads somewhere."""
        found = (f for f in self.forwards if f.kind == kind and f.state == "forwarding")
        return next(found, None)

    def outer(self, forward: ClientForward) -> Place:
        """Return where to connect: with TLS under the node's own name, so that it is verified.

        That name must then lead to the NAT instance for this client: `hosts` are the lines.
        """
        named = self.tls and forward.endpoint is not None
        return (forward.endpoint[0] if named and forward.endpoint else self.public, forward.listen)

    @property
    def natmap(self) -> dict[str, Place]:
        """Return where to connect instead of each inner `host:port` that a cache may announce.

        It holds names and addresses, since which of them nodes announce depends on TLS and on the
        parameter cluster-preferred-endpoint-type.
        """
        return {f"{host}:{port}": outer for (host, port), outer in self._inner_and_outer()}

    @property
    def hosts(self) -> dict[str, str]:
        """Return the public address for each inner name, as a hosts file has it."""
        places = [f.endpoint for f in self.forwards if f.leads]
        names = {place[0] for place in (*places, self.endpoint) if place is not None}
        return dict.fromkeys(sorted(names), self.public)

    def _inner_and_outer(self) -> Iterator[tuple[Place, Place]]:
        nodes = self.nodes
        if self.endpoint and nodes:  # any node answers what a configuration endpoint is asked
            yield self.endpoint, self._under(self.endpoint[0], nodes[0].listen)
        for forward in self.forwards:
            if forward.leads:
                outer = self.outer(forward)
                if forward.endpoint:
                    yield forward.endpoint, outer
                if forward.kind == "node":
                    yield from ((target, outer) for target in forward.targets)

    def _under(self, name: str, listen: int) -> Place:
        return (name if self.tls else self.public, listen)


def connection_of(
    description: Mapping[str, Any], cache: str, public: str | None = None
) -> Connection:
    """Return a cache's connection from an answer to `describe`.

    `public` chooses among the addresses of several NAT instances; without it the first one is
    taken that runs and is not impaired. Raises UnknownCacheError where the stack forwards no cache
    of that name, SeveralCachesError where several VPCs do, NotForwardedError where it knows the
    cache and nothing leads to it now, NotToldError where AWS did not answer for the cache in that
    look, and OutdatedStackError where the answer comes from functions that are older than this
    program; each says why.
    """
    if not all("caches" in vpc for vpc in description["vpcs"]):
        raise OutdatedStackError(
            f"the functions of the stack {description['stack']} are too old to tell how clients "
            "connect: deploy this version"
        )
    vpc = _vpc_of(description, cache, public)
    facts = next(each for each in vpc["caches"] if each["cache"] == cache)
    usable = _usable(vpc, cache)
    if not usable:
        raise NotForwardedError(_why_not(description, cache, vpc))
    if facts["tls"] is None:
        raise NotToldError(
            f"AWS did not tell whether {cache} speaks TLS, and so not how to connect: "
            "ask again in a minute"
        )
    return _connection(facts, _forwards(vpc, cache), _public(vpc, usable, cache, public))


def _vpc_of(description: Mapping[str, Any], cache: str, public: str | None) -> Mapping[str, Any]:
    """Return the VPC in which the cache is.

    Several have one of that name where it was made again in another VPC and the old one's ports
    still leave, or where a serverless cache is called as another one is.
    """
    having = [
        vpc for vpc in description["vpcs"] if any(each["cache"] == cache for each in vpc["caches"])
    ]
    if not having:
        raise UnknownCacheError(_unknown(description, cache))
    at = [vpc for vpc in having if public in _addresses(_usable(vpc, cache))]
    having = at or having
    here = [vpc for vpc in having if any(f["state"] == "forwarding" for f in _usable(vpc, cache))]
    if len(here) > 1:
        places = "; ".join(f"{v['vpc']}: {', '.join(_addresses(_usable(v, cache)))}" for v in here)
        raise SeveralCachesError(
            f"several VPCs forward a cache {cache}: choose one by a NAT instance's address, "
            f"--via or public= ({places})"
        )
    return next(iter(here or [vpc for vpc in having if _usable(vpc, cache)] or having))


def _forwards(vpc: Mapping[str, Any], cache: str) -> list[Any]:
    return [each for each in vpc["forwards"] if each["cache"] == cache]


def _usable(vpc: Mapping[str, Any], cache: str) -> list[Any]:
    """Return the forwards that lead somewhere: none where the NAT instances hold no rules."""
    if vpc.get("detached"):  # the states are as the ledger has them
        return []
    return [each for each in _forwards(vpc, cache) if each["state"] in LEADING]


def _connection(facts: Mapping[str, Any], forwards: list[Any], public: str) -> Connection:
    return Connection(
        cache=facts["cache"],
        kind=facts["kind"],
        engine=facts["engine"],
        cluster_mode=facts["cluster_mode"],
        tls=facts["tls"],
        auth=facts["auth"],
        public=public,
        endpoint=_place(facts["endpoint"]),
        forwards=tuple(
            ClientForward(
                kind=each["kind"],
                node=each["node"],
                shard=each["shard"],
                role=each["role"],
                state=each["state"],
                endpoint=_place(each["endpoint"]),
                targets=tuple(place for t in each["targets"] if (place := _place(t))),
                listen=each["listen"],
            )
            for each in sorted(forwards, key=lambda each: each["listen"])
        ),
    )


def _why_not(description: Mapping[str, Any], cache: str, vpc: Mapping[str, Any]) -> str:
    """Say why nothing leads to a cache: what is wrong with it, else why each forward is so."""
    if vpc.get("detached"):
        return f"nothing leads to {cache} now: {vpc['vpc']} is detached; cachegate sync ends that"
    problem = _problem(description, cache)
    why = problem or "; ".join(sorted({each["reason"] for each in _forwards(vpc, cache)}))
    return f"nothing leads to {cache} now: {why or 'it has no forwards yet'}"


def _public(vpc: Mapping[str, Any], usable: list[Any], cache: str, wanted: str | None) -> str:
    found = _addresses(usable)
    if not found:
        raise NotForwardedError(f"{cache} is forwarded, but no NAT instance has a public address")
    if wanted is not None and wanted not in found:
        raise NotForwardedError(f"{wanted} is none of {cache}'s addresses: {', '.join(found)}")
    ill = {
        each["public_address"]
        for each in vpc.get("nat_instances", ())
        if each["state"] != "running" or each["health"] == "impaired"
    }
    return wanted or next((address for address in found if address not in ill), found[0])


def _addresses(usable: list[Any]) -> list[str]:
    return list(dict.fromkeys(address for each in usable for address in each["public_addresses"]))


def _place(text: str | None) -> Place | None:
    """Read `host:port`, and nothing else: it may end in hosts files and shells."""
    if text is None:
        return None
    found = _HOST_AND_PORT.fullmatch(text)
    if found is None:
        raise NotToldError(f"{text[:80]!a} is no host and port: look at it in cachegate describe")
    return found[1], int(found[2])


def _unknown(description: Mapping[str, Any], cache: str) -> str:
    if problem := _problem(description, cache):
        return f"{cache} is not forwarded: {problem}"
    names = sorted(each["cache"] for vpc in description["vpcs"] for each in vpc["caches"])
    known = f"it forwards {', '.join(names)}" if names else "it forwards no cache yet"
    return (
        f"the stack {description['stack']} knows no cache {cache}; {known} "
        "(a cache is exposed by its tag cachegate:expose=true)"
    )


def _problem(description: Mapping[str, Any], cache: str) -> str | None:
    """Return why a cache is not forwarded, where the answer says it."""
    told = [each for each in description["not_forwarded"] if each["cache"] == cache]
    return next((each["message"] for each in told if not each["forwarded"]), None)
