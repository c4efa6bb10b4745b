"""Every check of a VPC, in the order in which a person would look. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachegate.planning.checks import encryption, life, narrow, on_instance, place, ways

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cachegate.domain.check import Check
    from cachegate.planning.checks.facts import Facts

EVERY: tuple[Callable[[Facts], Iterator[Check]], ...] = (
    place.platform,
    place.nat_instance,
    place.running,
    place.public_subnet,
    place.own_subnet,
    place.elastic_ip,
    on_instance.ssm_online,
    on_instance.agent,
    on_instance.forwarding,
    on_instance.other_rules,
    on_instance.rule_set,
    on_instance.masquerade,
    on_instance.conntrack,
    on_instance.allowance,
    ways.nat_ingress,
    ways.nat_egress,
    ways.cache_ingress,
    ways.https_out,
    ways.path_mtu,
    life.idle_timeout,
    narrow.sources,
    narrow.wide_ingress,
    narrow.ssh,
    encryption.tls,
    life.notifications,
    life.last_pass,
)


def check(facts: Facts, *, probe: bool) -> tuple[Check, ...]:
    """Make every check; with `probe`, also whether each target answers its NAT instances."""
    checks = (*EVERY, on_instance.targets) if probe else EVERY
    return tuple(line for each in checks for line in each(facts))
