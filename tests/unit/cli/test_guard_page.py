"""The short list of findings in docs/guard.md, made of the answer that docs/invocation.md shows."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[3] / "docs"


@pytest.mark.skipif(shutil.which("jq") is None, reason="needs jq")
def test_the_short_list_has_a_line_for_each_finding() -> None:
    found = re.search(r"cachegate guard plan \| jq -r '(.*)'", (DOCS / "guard.md").read_text())
    page = (DOCS / "invocation.md").read_text().partition("\n## plan of the guard\n")[2]
    answer = re.search(r"```json\n(.*?)```", page, re.DOTALL)
    assert found is not None
    assert answer is not None

    listed = subprocess.run(
        ["jq", "-r", found[1]], input=answer[1], capture_output=True, text=True, check=True
    )

    assert listed.stdout.split() == [
        "critical", "revoke", "sgr-0c60a1b2c3d4e5f60", "0.0.0.0/0", "6379", "6379", "web",
    ]  # fmt: skip
