"""What never happens to the address, in a thousand random histories of two or three NAT instances.

Passes run the real step, cut into pieces wherever it calls the world: others run in between, it
may end there for good, and time goes on. EC2 may be late, silent or refuse. What is held against
the claims is the world's own record of what was so, not what a pass believed.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv4Network
from typing import TYPE_CHECKING, cast

import pytest

from cachegate.domain.address import ElasticIp
from cachegate.domain.cache import Health, NatInstance
from cachegate.domain.ledger import Ledger
from cachegate.errors import AddressRefusedError, LedgerConflictError, TransientError
from cachegate.failover import candidates_of, hold
from cachegate.push import InstanceResult, InstanceState
from tests.unit.passes.fakes import VPC, FakeLedgers, FakeWorld
from tests.unit.passes.interleaving import Steps

if TYPE_CHECKING:
    from cachegate.protocols import Adapters, Ledgers, Record
    from cachegate.settings import SyncSettings

SEQUENCES = 1000
EIP = "eipalloc-1"
INTERVAL = 300.0  # of the schedule
LONGEST_CALL = 8.0  # a call to EC2 that moves the address: 3 s to connect, 5 s to answer
LATEST = 6.0  # so long EC2 may show what was so before
SKEW = 3.0  # of each function's clock, in either direction
LIFETIME = 120.0  # of a function
SLOWEST_PROOF = 60.0  # where an instance hangs
TAKEOVER, REST = 60.0, 300.0
LONGEST = max(TAKEOVER, REST) + 2 * INTERVAL + 2 * (SLOWEST_PROOF + LONGEST_CALL + 2 * SKEW)
AGAIN = 3  # times that a pass looks anew where it lost the ledger

WELL, FAILED, OFFLINE, ILL = "well", "failed", "offline", "ill"
UNTAGGED, STOPPED, PENDING = "untagged", "stopped", "pending"
HOWS = (*[WELL] * 9, FAILED, OFFLINE, ILL, STOPPED, PENDING, UNTAGGED)
RUNS = {WELL, FAILED, OFFLINE, ILL, UNTAGGED}
PROOFS = {
    WELL: InstanceState.VERIFIED,
    ILL: InstanceState.VERIFIED,
    FAILED: InstanceState.FAILED,
    OFFLINE: InstanceState.OFFLINE,
    UNTAGGED: InstanceState.UNTAGGED,
}


@dataclass
class Truth:
    """What is so: of each instance and of the address, since when; and what is under way."""

    seed: int
    now: float = 1_000_000.0
    how: dict[str, str] = field(default_factory=dict)
    able_since: dict[str, float] = field(default_factory=dict)
    owners: list[tuple[float, str | None]] = field(default_factory=list)  # of the address
    under_way: list[tuple[float, int, str]] = field(default_factory=list)  # it lands when
    landed: int = 0  # the version of the ledger whose move landed last
    spoiled: list[float] = field(default_factory=list)  # when something may have spoiled a pass
    moves: int = 0
    story: list[str] = field(default_factory=list)
    ledgers: FakeLedgers = field(default_factory=FakeLedgers)

    def tell(self, text: str) -> None:
        self.story.append(f"{self.now - 1_000_000:8.1f} {text}")

    def claim(self, holds: bool, claim: str) -> None:  # noqa: FBT001
        assert holds, "\n".join([f"sequence {self.seed}: {claim}", *self.story])

    @property
    def owner(self) -> str | None:
        return self.owners[-1][1]

    def become(self, instance_id: str, how: str) -> None:
        self.tell(f"{instance_id} is {how}")
        self.how[instance_id] = how
        if how != WELL:
            self.able_since.pop(instance_id, None)
        else:
            self.able_since.setdefault(instance_id, self.now)

    def terminate(self, instance_id: str) -> None:
        self.tell(f"{instance_id} is terminated")
        del self.how[instance_id]
        self.able_since.pop(instance_id, None)

    def associate(self, instance_id: str | None) -> None:
        self.owners.append((self.now, instance_id))

    def advance(self, seconds: float) -> None:
        until = self.now + seconds
        for landing in sorted(self.under_way):
            at, version, target = landing
            if at > until:
                continue
            self.now = max(self.now, at)
            self.check_time()
            self.under_way.remove(landing)
            self.land(version, target)
        self.now = until
        self.check_time()

    def land(self, version: int, target: str) -> None:
        """Let a move take effect: it must be the youngest decision about the address."""
        self.tell(f"the address lands at {target} (version {version})")
        self.claim(version > self.landed, "a move undid a later one")
        holding = self.ledgers.records[VPC].ledger.holding
        self.claim(
            holding is not None and holding.instance_id == target,
            f"a move to {target} undid a later decision: {holding}",
        )
        self.landed = version
        self.moves += 1
        if target in self.how:
            self.associate(target)

    def check_time(self) -> None:
        """Hold the time on a bad holder against the limit, while somebody else is well."""
        since, owner = self.owners[-1]
        if owner in self.able_since or owner == "i-web":
            return
        gone_bad = max(since, self.bad_since.get(owner, since))
        for other, able in self.able_since.items():
            begun = max(gone_bad, able)
            spoils = sum(each >= begun - INTERVAL for each in self.spoiled)
            self.claim(
                self.now - begun <= LONGEST + spoils * INTERVAL,
                f"the address stayed at {owner} for {self.now - begun:.0f} s, "
                f"though {other} was well, and {spoils} passes may have been spoiled",
            )

    @property
    def bad_since(self) -> dict[str | None, float]:
        return self._bad

    def __post_init__(self) -> None:
        self._bad: dict[str | None, float] = {}


class OnePass:
    """A pass as far as the address goes: look, prove, and the real step, on a clock of its own."""

    def __init__(
        self, world: World, number: int, *, wanted: str | None = None, prompt: bool = True
    ) -> None:
        self.world, self.number, self.wanted, self.prompt = world, number, wanted, prompt
        self.began = world.truth.now
        self.skew = world.chance.choice((-SKEW, 0.0, SKEW))
        self.listed: dict[str, str] = {}  # how the instances were when it looked
        self.proved: set[str] = set()  # who proved the rule set when it asked
        self.saw: str | None = None
        self.wrote = 0
        self.reply_at = 0.0
        self.adapters = replace(
            world.adapters,
            ledgers=cast("Ledgers", self),  # the step needs no more of them
            addresses=self,
            clock=lambda: world.truth.now + self.skew,
        )
        self.steps = Steps(self.run)

    def tell(self, text: str) -> None:
        self.world.truth.tell(f"pass {self.number}: {text}")

    def run(self, steps: Steps) -> None:
        for _ in range(AGAIN):
            try:
                self.attempt()
            except LedgerConflictError as error:
                self.tell(f"looks anew: {error}")
                self.spoiled()
            else:
                return

    def attempt(self) -> None:
        truth = self.world.truth
        record = self.load(VPC)
        self.steps_pause()
        self.listed = dict(truth.how)
        self.steps_pause()
        asked = [each for each, how in self.listed.items() if how in RUNS - {UNTAGGED}]
        self.proved = {each for each in asked if truth.how.get(each) in {WELL, ILL}}
        replies = {each: truth.how.get(each, FAILED) for each in asked}
        if FAILED in replies.values():
            truth.advance(self.world.chance.uniform(0, SLOWEST_PROOF))
        results = [
            *(_result(i, PROOFS.get(how, InstanceState.FAILED)) for i, how in replies.items()),
            *(_result(i, PROOFS[how]) for i, how in self.listed.items() if how == UNTAGGED),
        ]
        instances = [_instance(i, how) for i, how in self.listed.items() if how != UNTAGGED]
        _, result = hold(
            self.adapters,
            self.world.settings,
            record,
            candidates_of(instances, results),
            self.wanted,
        )
        self.tell(f"{result.state}: {result.reason} {result.error or ''}")
        if result.error:
            self.spoiled()

    def steps_pause(self) -> None:
        if self.world.truth.now > self.began + LIFETIME:
            self.steps.crashed = True
        self.steps.pause()

    def spoiled(self) -> None:
        self.world.truth.spoiled.append(self.world.truth.now)

    # -- the ledger, and EC2 as this pass meets them

    def load(self, vpc_id: str) -> Record:
        self.steps_pause()
        record = self.world.truth.ledgers.load(vpc_id)
        assert record is not None
        return record

    def save(self, ledger: Ledger, replacing: int | None) -> Record:
        self.steps_pause()
        record = self.world.truth.ledgers.save(ledger, replacing)
        self.wrote = record.version
        self.tell(f"writes version {record.version}: {record.ledger.holding}")
        self.steps_pause()
        return record

    def find(self, allocation_id: str) -> ElasticIp | None:
        self.steps_pause()
        truth, chance = self.world.truth, self.world.chance
        late = self.world.rough and chance.random() < 0.2
        as_of = truth.now - (chance.uniform(0, LATEST) if late else 0.0)
        if late and truth.owners[-1][0] > as_of:
            self.tell("is shown what was so before")
            self.spoiled()
        if self.world.rough and chance.random() < 0.02:
            self.spoiled()
            raise TransientError("EC2 does not tell who has it")
        self.saw = [owner for at, owner in truth.owners if at <= as_of or at == 0][-1]
        return ElasticIp(
            allocation_id=allocation_id,
            address=IPv4Address("198.51.100.73"),
            instance_id=self.saw,
            interface_id=f"eni-of-{self.saw}" if self.saw else None,
        )

    def associate(
        self,
        allocation_id: str,
        instance_id: str,
        interface_id: str | None = None,
    ) -> None:
        truth, chance = self.world.truth, self.world.chance
        self.tell(f"asks for the move to {instance_id}")
        truth.claim(
            self.able(instance_id),
            f"{instance_id} did not prove its rule set to pass {self.number}, or was not well",
        )
        truth.claim(
            self.wanted == instance_id or not self.able(self.saw),
            f"the address was taken from {self.saw}, which was well",
        )
        answer = chance.choices(
            ["done", "refused", "silent", "lost"],
            [6, 1, 1, 1] if self.world.rough else [1, 0, 0, 0],
        )[0]
        takes = chance.choice((0.0, chance.uniform(0, LONGEST_CALL), LONGEST_CALL))
        lands = truth.now + (takes if self.world.rough else 0.0)
        if answer in {"done", "silent"}:
            truth.under_way.append((lands, self.wrote, instance_id))
            truth.advance(0)
        if answer != "done":
            self.spoiled()
        reply_at = lands if answer in {"done", "refused"} else truth.now + LONGEST_CALL
        self.steps_pause()  # others go on while the call is under way
        truth.advance(max(0.0, reply_at - truth.now))
        self.tell(f"has the answer: {answer}")
        if answer == "refused":
            raise AddressRefusedError("not now")
        if answer in {"silent", "lost"}:
            raise TransientError("no answer")

    def able(self, instance_id: str | None) -> bool:
        """Tell whether it may have the address by what the world showed this pass."""
        ran_well = self.listed.get(str(instance_id)) in RUNS - {ILL, UNTAGGED}
        return ran_well and instance_id in self.proved

    def release(self, allocation_id: str) -> None:
        raise NotImplementedError


def _result(instance_id: str, state: InstanceState) -> InstanceResult:
    return InstanceResult(instance_id=instance_id, state=state, reason="so it is")


def _instance(instance_id: str, how: str) -> NatInstance:
    return NatInstance(
        instance_id=instance_id,
        vpc_id=VPC,
        state="running" if how in RUNS else how,
        private_address=IPv4Address("10.0.255.10"),
        public_address=None,
        stack="gate",
        health=Health.IMPAIRED if how == ILL else Health.OK,
    )


class World:
    """One random history, from its seed.

    A third of them is calm: no crash, no two passes at once, and an EC2 that obeys at once.
    """

    def __init__(self, seed: int, adapters: Adapters, settings: SyncSettings) -> None:
        self.chance = random.Random(seed)  # noqa: S311
        self.rough = seed % 3 != 0
        self.adapters, self.settings = adapters, settings
        self.truth = Truth(seed)
        self.truth.ledgers.save(Ledger(vpc_id=VPC), None)
        self.count = self.passes = 0
        self.alive: list[OnePass] = []
        self.scheduled_at = self.truth.now
        for _ in range(self.chance.choice((2, 2, 3))):
            self.launch()
        self.truth.owners.append((0.0, self.chance.choice([None, "i-1", "i-2"])))

    def launch(self) -> None:
        self.count += 1
        self.become(f"i-{self.count}", self.chance.choice((WELL, WELL, PENDING, OFFLINE)))

    def become(self, instance_id: str, how: str) -> None:
        self.truth.become(instance_id, how)
        if how == WELL:
            self.truth._bad.pop(instance_id, None)
        else:
            self.truth._bad.setdefault(instance_id, self.truth.now)

    def begin(self, *, wanted: str | None = None, prompt: bool = True) -> OnePass:
        self.passes += 1
        return OnePass(self, self.passes, wanted=wanted, prompt=prompt)

    def live(self, events: int) -> None:
        for _ in range(events):
            self.event()
            self.schedule()
        for each in self.alive:
            each.steps.crash()

    def schedule(self) -> None:
        """Run the schedule's pass when it is time, without a stop."""
        while self.truth.now >= self.scheduled_at:
            self.scheduled_at += INTERVAL
            self.begin().steps.finish()

    def event(self) -> None:
        calm = [(self.wait, 8), (self.change, 6), (self.replaced, 1), (self.by_event, 3)]
        rough = [
            (self.stop_and_go, 6),
            (self.go_on, 12),
            (self.crash, 1),
            (self.asked, 1),
            (self.by_hand, 1),
            (self.other_writer, 1),
        ]
        ways = [*calm, *(rough if self.rough else [])]
        self.chance.choices([way for way, _ in ways], [weight for _, weight in ways])[0]()

    def wait(self) -> None:
        seconds = self.chance.choice((0.5, 3.0, 9.0, 21.0, 60.0, 150.0))
        while seconds > 0:  # the schedule comes in between
            step = min(seconds, max(0.1, self.scheduled_at - self.truth.now))
            self.truth.advance(step)
            seconds -= step
            self.schedule()

    def change(self) -> None:
        known = sorted(self.truth.how)
        if known:
            some = (
                self.truth.owner
                if self.truth.owner in known and self.chance.random() < 0.3
                else None
            )
            self.become(some or self.chance.choice(known), self.chance.choice(HOWS))

    def replaced(self) -> None:
        """Terminate one, as its Auto Scaling group would when it launches another."""
        if self.truth.how:
            gone = self.chance.choice(sorted(self.truth.how))
            self.truth.terminate(gone)
            self.truth._bad.setdefault(gone, self.truth.now)
            if self.truth.owner == gone and self.chance.random() < 0.7:
                self.truth.associate(None)
        self.launch()

    def by_event(self) -> None:
        self.begin().steps.finish()

    def stop_and_go(self) -> None:
        if len(self.alive) < 3:
            self.alive.append(self.begin(prompt=False))
            self.spoil()

    def asked(self) -> None:
        wanted = self.chance.choice(sorted(self.truth.how)) if self.truth.how else "i-0"
        self.alive.append(self.begin(wanted=wanted, prompt=False))
        self.spoil()

    def go_on(self) -> None:
        if not self.alive:
            return
        one = self.chance.choice(self.alive)
        for _ in range(self.chance.choice((1, 1, 2, 3, 9))):
            one.steps.step()
        if one.steps.ended:
            self.alive.remove(one)
            self.spoil()

    def crash(self) -> None:
        if self.alive:
            one = self.alive.pop(self.chance.randrange(len(self.alive)))
            one.tell("crashes")
            one.steps.crash()
            self.spoil()

    def by_hand(self) -> None:
        given = self.chance.choice([*sorted(self.truth.how) * 3, "i-web", None])
        self.truth.tell(f"a person gives the address to {given}")
        self.truth.associate(given)
        self.truth.landed = 0  # who comes after a person's hand is none of our order
        self.spoil()

    def other_writer(self) -> None:
        record = self.truth.ledgers.records[VPC]
        later = replace(record.ledger, generation=record.ledger.generation + 1)
        self.truth.ledgers.save(later, record.version)
        self.spoil()

    def spoil(self) -> None:
        self.truth.spoiled.append(self.truth.now)


@pytest.fixture(scope="module")
def histories() -> list[World]:
    """Live through all of them; each claim is held against the record while it is made."""
    fakes = FakeWorld()
    settings = replace(fakes.settings, address=EIP, address_vpc=VPC)
    settings = replace(
        settings,
        policy=replace(
            settings.policy,
            sources=(IPv4Network("203.0.113.0/24"),),
            takeover=TAKEOVER,
            takeover_rest=REST,
        ),
    )
    worlds = []
    for seed in range(SEQUENCES):
        world = World(seed, fakes.adapters, settings)
        world.live(events=40)
        worlds.append(world)
    return worlds


def test_no_history_breaks_a_claim_about_the_address(histories: list[World]) -> None:
    assert len(histories) == SEQUENCES


def test_the_histories_are_worth_something(histories: list[World]) -> None:
    texts = [text for world in histories for text in world.truth.story]

    def count(part: str) -> int:
        return sum(part in text for text in texts)

    figures = {
        "moves": sum(world.truth.moves for world in histories),
        "passes": sum(world.passes for world in histories),
        "calm moves": sum(world.truth.moves for world in histories if not world.rough),
        **{
            part: count(part)
            for part in (
                "another pass moves",
                "shown what was so before",
                "EC2 may show late",
                "the ledger was slow",
                "looks anew",
                "crashes",
                "answer: refused",
                "answer: lost",
                "answer: silent",
                "was not done",
                "if that lasts",
                "which had the address, is gone",
                "is no NAT instance of this stack",
                "a person asked for it",
                "so nothing is moved",
            )
        },
    }
    print(figures)
    assert all(figures.values()), figures
