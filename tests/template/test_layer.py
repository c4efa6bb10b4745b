"""The layer that `make build` made by its own makefile."""

from __future__ import annotations

import marshal
import sys
from pathlib import Path, PurePosixPath

import pytest

from tests.template.parsed import ROOT

SOURCE = ROOT / "layers" / "cachegate"
TAG = ".cpython-313.pyc"
BUILT = ROOT / ".aws-sam" / "build" / "CachegateLayer"


@pytest.fixture(scope="module")
def layer() -> dict[str, bytes]:
    """Return every file of the layer."""
    if not BUILT.exists():
        pytest.skip("there is no built layer: run `make build`")
    return {
        str(path.relative_to(BUILT)): path.read_bytes()
        for path in sorted(BUILT.rglob("*"))
        if path.is_file()
    }


def test_it_carries_the_package_and_powertools(layer: dict[str, bytes]) -> None:
    for name in ("cachegate/sync.py", "cachegate/aws/clients.py", "aws_lambda_powertools/logging"):
        assert (BUILT / "python" / name).exists()
    assert {name.split("/")[0] for name in layer} == {"python"}


def test_it_is_pure_python_of_less_than_8_mb_without_tests_or_an_sdk(
    layer: dict[str, bytes],
) -> None:
    assert sum(len(text) for name, text in layer.items() if not name.endswith(".pyc")) < 8_000_000
    assert not [name for name in layer if name.endswith(".so")]
    assert not [name for name in layer if "boto" in name.split("/")[1] or "/tests/" in name]


def test_byte_code_is_of_the_runtime_for_every_module_or_none_and_never_checked(
    layer: dict[str, bytes],
) -> None:
    sources = {name for name in layer if name.endswith(".py")}
    compiled = {name: text for name, text in layer.items() if name.endswith(".pyc")}

    assert all(name.endswith(TAG) for name in compiled)
    assert all(text[4:8] == b"\x01\0\0\0" for text in compiled.values())  # PEP 552: unchecked
    assert {source(name) for name in compiled} in (set(), sources)


def test_byte_code_names_its_source_where_a_layer_lies(layer: dict[str, bytes]) -> None:
    compiled = {name: text for name, text in layer.items() if name.endswith(".pyc")}

    assert [
        name for name, text in compiled.items() if not names(text, f"/opt/{source(name)}")
    ] == []


def source(compiled: str) -> str:
    """Return the name of the module's source, beside whose folder of byte code it lies."""
    path = PurePosixPath(compiled)
    return str(path.parent.parent / f"{path.name.removesuffix(TAG)}.py")


def names(text: bytes, file: str) -> bool:
    """Say whether byte code is of this file; only the runtime's own Python can read it."""
    if sys.version_info[:2] == (3, 13):
        return bool(marshal.loads(text[16:]).co_filename == file)  # noqa: S302 - we compiled it
    return file.encode() in text


def test_nothing_in_it_tells_when_or_where_it_was_built(layer: dict[str, bytes]) -> None:
    """So equal input gives an equal layer, and no needless deployment."""
    ages = {(BUILT / name).stat().st_mtime for name in layer}
    here = [str(ROOT).encode(), str(Path(sys.prefix)).encode()]

    assert len(ages) == 1
    assert not [name for name, text in layer.items() if any(path in text for path in here)]
    assert not [name for name in layer if name.endswith("/RECORD") or name.startswith("python/bin")]


def test_every_dependency_is_locked_by_hash() -> None:
    text = (SOURCE / "requirements.txt").read_text().replace("\\\n", " ")
    locked = [line for line in text.splitlines() if line.strip() and line.strip()[0] != "#"]

    assert locked
    assert [line for line in locked if "==" not in line or "--hash=sha256:" not in line] == []
