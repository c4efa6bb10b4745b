"""Resolution in the function and on a NAT instance."""

from __future__ import annotations

import threading
import time
from ipaddress import IPv4Address
from typing import TYPE_CHECKING

from cachegate.aws.dns import LambdaResolver, a_records
from cachegate.aws.instance_dns import InstanceResolver
from cachegate.domain.agent import Reply, decode

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ADDRESS = frozenset({IPv4Address("10.0.1.10")})


def test_names_that_fail_are_left_out() -> None:
    names = {"node.aws": ADDRESS}

    found = LambdaResolver(5.0, lambda name: names.get(name, frozenset())).resolve(
        ["node.aws", "gone.aws"]
    )

    assert found == {"node.aws": ADDRESS}


def test_a_name_that_hangs_costs_the_others_nothing_and_ends_with_the_deadline() -> None:
    release = threading.Event()

    def lookup(name: str) -> frozenset[IPv4Address]:
        if name == "hangs.aws":
            release.wait(30)
        return ADDRESS

    began = time.monotonic()
    found = LambdaResolver(0.2, lookup).resolve(["hangs.aws", "node.aws"])
    elapsed = time.monotonic() - began
    release.set()

    assert found == {"node.aws": ADDRESS}
    assert elapsed < 5


def test_more_names_than_threads_are_all_asked() -> None:
    names = [f"node-{number}.aws" for number in range(500)]

    found = LambdaResolver(10.0, lambda _: ADDRESS).resolve(names)

    assert set(found) == set(names)


def test_no_names_need_no_time() -> None:
    assert LambdaResolver(5.0, lambda _: ADDRESS).resolve([]) == {}


def test_the_systems_resolver_gives_ipv4_addresses() -> None:
    assert a_records("127.0.0.1") == {IPv4Address("127.0.0.1")}


def test_what_is_no_name_has_no_address() -> None:
    assert a_records("a" * 64 + ".aws") == frozenset()
    assert a_records("::1") == frozenset()


class Agents:
    """Agents that know some names; those not online do not answer."""

    def __init__(self, names: Mapping[str, list[str]], *, offline: Iterable[str] = ()) -> None:
        self.names = names
        self.offline = frozenset(offline)
        self.asked: list[tuple[str, int]] = []

    def run(
        self,
        instance_ids: Iterable[str],
        action: str,
        payload: str | None = None,
        start: int | None = None,
    ) -> Mapping[str, Reply]:
        (instance_id,) = instance_ids
        assert (action, start) == ("resolve", None)
        request = decode(payload or "")
        assert request["schema"] == 1
        self.asked.append((instance_id, len(request["names"])))
        if instance_id in self.offline:
            error = {"error": {"code": "failed", "message": "no resolver"}}
            reply = Reply(instance_id=instance_id, report=error, failure="the agent failed")
            return {instance_id: reply}
        known = {name: self.names[name] for name in request["names"] if name in self.names}
        return {instance_id: Reply(instance_id=instance_id, report={"addresses": known})}


def test_the_next_nat_instance_is_asked_where_one_does_not_answer() -> None:
    agents = Agents({"node.aws": ["10.0.1.10"]}, offline=["i-1"])

    found = InstanceResolver(agents, ["i-2", "i-1"]).resolve(["node.aws", "gone.aws"])

    assert found == {"node.aws": ADDRESS}
    assert [instance_id for instance_id, _ in agents.asked] == ["i-1", "i-2"]


def test_where_no_agent_answers_every_name_has_failed() -> None:
    agents = Agents({"node.aws": ["10.0.1.10"]}, offline=["i-1"])

    assert InstanceResolver(agents, ["i-1"]).resolve(["node.aws"]) == {}
    assert InstanceResolver(agents, []).resolve(["node.aws"]) == {}


def test_many_names_go_in_batches_whose_answer_fits_into_a_report() -> None:
    names = [f"node-{number}.aws" for number in range(600)]
    agents = Agents({name: ["10.0.1.10"] for name in names})

    found = InstanceResolver(agents, ["i-1"]).resolve(names)

    assert set(found) == set(names)
    assert [count for _, count in agents.asked] == [250, 250, 100]
