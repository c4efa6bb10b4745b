"""The Hypothesis strategy of steps, and how a sequence begins and ends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hypothesis import strategies as st

from tests.faults import steps
from tests.faults.steps import (
    LONG_REST,
    Answer,
    Ask,
    Change,
    Crash,
    DnsFault,
    Instance,
    Lag,
    Ledger,
    Meanwhile,
    Queue,
    Ssm,
    Step,
    Wait,
)  # fmt: skip

if TYPE_CHECKING:
    from tests.faults.world import World

PLACES = st.integers(0, 5)
VERBS = ("replace", "replace", "fail over", "add", "remove", "swap places", "delete", "create",
         "untag", "tag", "work on")  # fmt: skip
EVENTS = ("sent", "lost", "doubled", "late", "early")
SOURCES = ("clusters", "groups", "tags", "interfaces", "dns")
DESCRIBES = ("describe_cache_clusters", "describe_replication_groups", "get_resources",
             "describe_cache_subnet_groups", "describe_network_interfaces")  # fmt: skip
FATES = ("rejected", "unknown instance", "undelivered", "undeliverable", "late", "very late",
         "doubled", "doubled late", "appears late", "never appears", "cut off", "garbled",
         "killed before swap", "killed before save", "killed before report")  # fmt: skip
INSTANCE = ("stop", "start", "reboot", "reboot without disk", "replace", "flush", "meddle",
            "offline", "online", "unregister", "register", "timer")  # fmt: skip

changes = st.builds(Change, st.sampled_from(VERBS), PLACES, PLACES, PLACES, st.sampled_from(EVENTS))
instances = st.builds(Instance, st.sampled_from(INSTANCE), st.integers(0, 1))
ssm = st.builds(Ssm, st.integers(0, 1), st.sampled_from(FATES), st.integers(1, 3))
waits = st.builds(Wait, st.sampled_from((1.0, 5.0, 31.0, 61.0, 130.0, 310.0, 700.0)))
faults: tuple[st.SearchStrategy[Step], ...] = (
    st.builds(Lag, st.sampled_from(SOURCES), st.sampled_from((0.0, 20.0, 90.0, 400.0))),
    st.builds(
        DnsFault, st.integers(0, 20), st.sampled_from(("fails", "outside the VPC", "flaps", ""))
    ),
    st.builds(
        Answer,
        st.sampled_from(DESCRIBES),
        st.sampled_from(("empty", "partial", "throttled", "fails on page 2")),
        st.integers(1, 3),
    ),
    st.builds(
        Answer,
        st.sampled_from(("put ledger", "put heartbeat")),
        st.sampled_from(("conflict", "written, answer lost", "throttled")),
        st.integers(1, 4),
    ),
    st.builds(
        Answer,
        st.sampled_from(
            (
                "get_item",
                "scan",
                "send_command",
                "get_command_invocation",
                "resolve",
                "describe_instance_information",
                "describe_instances",
                "describe_vpcs",
                "change_message_visibility",
                "put_events",
            )
        ),
        st.sampled_from(("throttled", "broken")),
    ),
    st.builds(Answer, st.just("send_message"), st.sampled_from(("throttled", "lost", "doubled"))),
    st.builds(Answer, st.just("put_events"), st.just("refused"), st.integers(1, 2)),
    ssm,
    instances,
    st.builds(Ledger, st.booleans()),
    st.builds(Crash, st.integers(1, 30)),
    st.builds(Meanwhile, st.integers(1, 30), st.one_of(st.none(), changes, instances)),
    st.builds(Queue, st.sampled_from(("junk", "lose", "double", "reorder", "trigger"))),
    st.builds(Ask, st.sampled_from(("sync", "plan", "describe")), st.booleans()),
)
rests = st.just(Wait(LONG_REST))
# Waiting and changes are as likely as all faults together: a fault alone shows nothing.
one_step: st.SearchStrategy[Step] = st.one_of(
    *[waits] * 9, *[changes] * 9, *faults, *[ssm] * 2, *[instances] * 1, rests,
)  # fmt: skip


@dataclass(frozen=True)
class Stage:
    """How a sequence begins."""

    caches: tuple[str, ...] = ("cart",)
    nats: int = 1


stages = st.builds(
    Stage,
    st.lists(st.sampled_from(steps.NAMES), min_size=1, max_size=4, unique=True).map(tuple),
    st.integers(1, 2),
)


def begin(world: World, stage: Stage) -> None:
    """Build what is there before the first step, and let it be forwarded."""
    for name in stage.caches:
        world.truth.create(name)
    for _ in range(stage.nats):
        world.add_machine()
    world.let_time_pass(301.0)


# What the embedded world has verbs for, in short sequences: there time is real.
playable: st.SearchStrategy[Step] = st.one_of(
    st.builds(Wait, st.sampled_from((61.0, 130.0))),
    st.builds(Wait, st.sampled_from((61.0, 130.0))),
    *[
        st.builds(
            Change,
            st.sampled_from(("replace", "replace", "fail over", "add", "remove", "delete",
                             "create", "untag", "tag", "work on")),
            PLACES, PLACES, PLACES, st.sampled_from(EVENTS),
        )
    ] * 4,
    st.builds(DnsFault, st.integers(0, 20), st.sampled_from(("fails", "outside the VPC", "flaps"))),
    st.builds(Lag, st.just("dns"), st.sampled_from((20.0, 90.0))),
    st.builds(Ssm, st.just(0), st.sampled_from(("undelivered", "late", "doubled"))),
    st.builds(
        Instance,
        st.sampled_from(("flush", "reboot", "reboot without disk", "timer", "offline", "online")),
    ),
    st.builds(Ledger, st.booleans()),
    st.builds(Meanwhile, st.just(1), st.none()),
    st.builds(Queue, st.sampled_from(("junk", "double", "trigger"))),
)  # fmt: skip
played_stages = st.just(Stage(("alpha", "cart", "memo"), 1))
