"""What no sequence of people's work, AWS's bad days and crashes may do to security groups."""

from __future__ import annotations

from random import Random

from tests.unit.passes.rule_life import Life
from tests.unit.planning.rules import short

SEQUENCES = 1000
STEPS = 12


def lived(seed: int) -> Life:
    """Live through a random sequence of steps, most of them passes on bad days."""
    random = Random(seed)  # noqa: S311 - a seed of a test
    life = Life(random)
    acts = [
        life.expose, life.expose, life.hide, life.replace_node, life.free_port,
        life.change_sources, life.add_by_hand, life.fill, life.edit, life.delete, life.untag,
        life.tag, life.end_instance, lambda: life.new_instance("vpc-1"),
    ]  # fmt: skip
    for _ in range(STEPS):
        random.choice([*acts, *[life.bad_pass] * 7])()
    return life


def test_people_s_rules_are_theirs_and_at_quiet_times_exactly_what_is_needed_is_open() -> None:
    judged = 0
    for seed in range(SEQUENCES):
        life = lived(seed)
        theirs = {i: rule for i, rule in life.ec2.held.items() if i not in life.ours}
        theirs = {i: rule for i, rule in theirs.items() if not i.startswith("sgr-fill")}

        life.quiet_times()

        assert life.ec2.violations == [], seed
        assert {i: life.ec2.held.get(i) for i in theirs} == theirs, seed
        if not life.too_many:
            judged += 1
            held = {short(rule.opening) for rule in life.ec2.held.values()}
            ours = {short(opening) for opening in life.ours.values()}
            assert life.expected() <= held, (seed, life.expected() - held)
            assert ours <= life.expected(), (seed, ours - life.expected())
        _a_quiet_pass_changes_nothing(life, seed)
        life.detach()
        assert life.ours == {}, seed
        assert {i: life.ec2.held.get(i) for i in theirs} == theirs, seed
    assert judged > SEQUENCES * 0.8


def _a_quiet_pass_changes_nothing(life: Life, seed: int) -> None:
    before = life.ec2.writes, life.world.ledgers.writes
    for vpc_id in ("vpc-1", "vpc-2"):
        life.one_pass(vpc_id, blind=False)
    assert (life.ec2.writes, life.world.ledgers.writes) == before, seed
