"""The SSM document: current, small enough, and the same program as in the folder."""

from __future__ import annotations

import ast
import io
import json
import re
import zipfile
from typing import TYPE_CHECKING, Any

import pytest
import yaml

import build_document

if TYPE_CHECKING:
    from pathlib import Path

CONTENT: dict[str, Any] = yaml.safe_load(build_document.DOCUMENT.read_text(encoding="utf-8"))
(SCRIPT,) = CONTENT["mainSteps"][0]["inputs"]["runCommand"]
SOURCES = sorted((build_document.HERE / "cachegate_agent").glob("*.py"))


def test_the_document_is_what_the_source_gives() -> None:
    assert build_document.is_current(), "run gateway/build_document.py"


def test_document_and_largest_payload_together_stay_below_the_limit_of_a_document() -> None:
    for text in (build_document.DOCUMENT.read_text(encoding="utf-8"), json.dumps(CONTENT)):
        assert len(text.encode()) <= build_document.LARGEST_DOCUMENT
    assert CONTENT["parameters"]["Payload"]["maxChars"] == build_document.LARGEST_PAYLOAD


def test_only_parameters_stand_in_double_braces() -> None:
    places = set(re.findall(r"{{.*?}}", SCRIPT))

    assert places == {f"{{{{ {name} }}}}" for name in CONTENT["parameters"]}
    assert "$$" not in SCRIPT  # SSM makes one $ of it


def test_every_parameter_is_bounded_by_a_pattern_or_a_list() -> None:
    for parameter in CONTENT["parameters"].values():
        bounded = "allowedPattern" in parameter and "maxChars" in parameter
        assert bounded or "allowedValues" in parameter
        # RE2, which checks the pattern on the instance, knows no repeat above 1,000.
        assert "{" not in parameter.get("allowedPattern", "")


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_what_is_carried_is_the_same_program_without_its_explanations(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    squeezed = build_document.squeeze(source)

    assert ast.dump(bare(source)) == ast.dump(bare(squeezed))
    assert "#" not in [line.strip()[:1] for line in squeezed.splitlines()]
    assert len(squeezed) < len(source)


class Bare(ast.NodeTransformer):
    """Takes the annotations of parameters, results and local names away."""

    inside = False  # a function

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns, before, self.inside = None, self.inside, True
        self.generic_visit(node)
        self.inside = before
        return node

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        if self.inside and node.value:
            return ast.Assign(targets=[node.target], value=node.value)
        return node


def bare(source: str) -> ast.Module:
    """Parse without docstrings and annotations; what is empty then gets the same filling."""
    tree: ast.Module = Bare().visit(ast.parse(source))
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and (
            ast.get_docstring(node, clean=False) is not None
        ):
            node.body = node.body[1:] or ([] if isinstance(node, ast.Module) else [ast.Pass()])
    return tree


def test_the_carried_archive_holds_every_module_and_starts_by_itself() -> None:
    _, archive = build_document.carried(build_document.DOCUMENT.read_text(encoding="utf-8"))

    names = zipfile.ZipFile(io.BytesIO(archive)).namelist()

    assert names == ["__main__.py", *(f"cachegate_agent/{path.name}" for path in SOURCES)]
