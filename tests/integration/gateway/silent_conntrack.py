"""The agent on a kernel that tells of no flow from the N-th question on: `... --silent-from N`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parents[3] / "gateway"))

from cachegate_agent import conntrack, main
from cachegate_agent.errors import Failed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Question = Callable[..., Iterator[conntrack.Flow]]

*arguments, flag, first = sys.argv[1:]
assert flag == "--silent-from"
asked = 0


def counted(question: Question) -> Question:
    """Answer as long as the kernel is to answer."""

    def ask(*about: object) -> Iterator[conntrack.Flow]:
        global asked  # noqa: PLW0603 - one count of all questions
        asked += 1
        if asked >= int(first):
            raise Failed("kernel_refused", "conntrack: silent")
        return question(*about)

    return ask


conntrack.flows = counted(conntrack.flows)
conntrack.stamped = counted(conntrack.stamped)
sys.exit(main.main(arguments))
