"""What holds for every test, and how tests are shared out where several workers run them."""

from __future__ import annotations

import os
import signal
from typing import Any

import pytest
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

# A machine under load is no finding: what takes how long is measured by `make bench`.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

# A script that starts the tests in the background lets them ignore Ctrl-C, and so would the
# programs do that are interrupted here.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# One worker runs all that measures time in the kernel, and the system tests, whose use of
# permissions is judged together. It takes longest, so it comes first.
# Two long ones need nothing of the others: the other worker begins with them.
APART = ("tests/system/test_fault_replay.py", "tests/system/test_newcomer.py")
TOGETHER = (
    "tests/system/",
    "tests/clients/test_clients.py",
    "tests/integration/gateway/test_speed.py",
    "tests/integration/gateway/test_stale_flows.py",
    "tests/integration/gateway/test_swaps.py",
)
NEXT = (*APART, "tests/integration/")
POLITE = 10  # the niceness of all others, so that they take no time from what is measured


class Sharing(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Keeps the tests of a file on one worker, for they share what is slow to set up."""

    def _split_scope(self, nodeid: str) -> str:
        return "together" if _turn(nodeid) == 0 else nodeid.partition("::")[0]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Let the workers' tests be shared out so."""
    return Sharing(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put what takes longest first, where there are workers."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: _turn(item.nodeid))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Give way to the other worker from the first test on that only computes."""
    if hasattr(item.config, "workerinput") and _turn(item.nodeid) > 1:
        os.setpriority(os.PRIO_PROCESS, 0, POLITE)


def _turn(nodeid: str) -> int:
    if nodeid.startswith(TOGETHER) and not nodeid.startswith(APART):
        return 0
    return 1 if nodeid.startswith(NEXT) else 2
