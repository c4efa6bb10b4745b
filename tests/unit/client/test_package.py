"""What importing the client costs: nothing that is not in the standard library."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import cachegate
from cachegate import client

LAYER = Path(cachegate.__file__).parents[1]
# Without site-packages, so that only the standard library and our own package can be imported.
ALONE = (sys.executable, "-I", "-S", "-c")


def test_all_of_it_is_imported_without_any_other_package() -> None:
    names = ", ".join(client.__all__)
    program = f"import sys; sys.path.append({str(LAYER)!r}); from cachegate.client import {names}"

    subprocess.run([*ALONE, program], check=True)


def test_the_package_itself_imports_no_part_of_it_before_that_is_used() -> None:
    program = (
        f"import sys; sys.path.append({str(LAYER)!r}); import cachegate.client;"
        "print([name for name in sys.modules if name.startswith('cachegate.client.')])"
    )

    found = subprocess.run([*ALONE, program], check=True, capture_output=True, text=True)

    assert found.stdout == "[]\n"


@pytest.mark.parametrize("name", client.__all__)
def test_a_name_stays_what_it_is_when_others_were_imported(name: str) -> None:
    first = getattr(client, name)

    assert callable(first)
    assert getattr(client, name) is first


def test_another_name_is_no_part_of_it() -> None:
    with pytest.raises(AttributeError, match=r"module 'cachegate.client' has no attribute 'other'"):
        _ = client.other


def test_type_checkers_are_told_of_its_types() -> None:
    assert (LAYER / "cachegate" / "py.typed").exists()
