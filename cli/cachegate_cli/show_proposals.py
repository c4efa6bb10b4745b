"""Write how caches get security groups of their own, as lines for a POSIX shell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.text import Text

from cachegate_cli.drawing import COMMAND, NOTE, commas, text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def proposed(answer: Mapping[str, Any]) -> Text:
    """Return the proposals of an answer to `plan`; a step that a person takes is a comment."""
    return Text("\n").join(_lines(answer.get("proposals")))


def _lines(proposals: list[Mapping[str, Any]] | None) -> Iterator[Text]:
    if proposals is None:
        yield text("# nobody looked: ManageSecurityGroups is off, or AWS did not answer", NOTE)
    if proposals == []:
        yield text("# every cache has security groups that caches alone have", NOTE)
    if proposals:
        yield text(
            "# Step by step, each after the one before is checked. The last is the way back."
        )
    for each in proposals or []:
        yield text(f"# {each['cache']}: a security group of its own", "bold")
        for shared in each["shared"]:
            yield text(f"# {shared['group']} ({shared['name']}): {shared['why']}", NOTE)
        yield text(f"# other clients would lose: {commas(each['admitted'])}", NOTE)
        for number, step in enumerate(each["steps"], 1):
            yield text(f"# {number}. {step['what']}", NOTE)
            if step["command"]:  # who runs the whole must not run the way back
                back = "# " if number == len(each["steps"]) else ""
                yield text(f"{back}{step['command']}", COMMAND)
        yield Text("")
