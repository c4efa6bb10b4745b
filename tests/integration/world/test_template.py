"""Our own template, as the embedded world deploys it."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from local import artefacts
from local.template import LEFT_OUT, TemplateError, read, resolve

if TYPE_CHECKING:
    from pathlib import Path


def test_our_template_is_translated_whole() -> None:
    template = read(artefacts.ROOT / "template.yaml", "cachegate")
    resources = template.body["Resources"]
    document = next(r for r in resources.values() if r["Type"] == "AWS::SSM::Document")

    assert template.functions.keys() >= {"SyncForwards"}
    assert all(kind in LEFT_OUT for kind in template.left_out.values())
    assert [r["Type"] for r in template.custom.values()] == ["Custom::CachegatePass"]
    assert json.loads(document["Properties"]["Content"])["schemaVersion"] == "2.2"
    assert document["Properties"]["Name"].startswith("cachegate-AgentDocument-")


def test_a_build_older_than_its_sources_is_not_deployed(tmp_path: Path) -> None:
    built = tmp_path / ".aws-sam" / "build" / "template.yaml"
    built.parent.mkdir(parents=True)
    source = tmp_path / "functions" / "app.py"
    source.parent.mkdir()
    for path in (tmp_path / "template.yaml", source, built):
        path.touch()
        os.utime(path, (1000, 1000))

    assert artefacts.find(tmp_path).built
    os.utime(source, (2000, 2000))
    assert artefacts.find(tmp_path).template == tmp_path / "template.yaml"


def test_a_build_runs_with_the_runtime_s_libraries_and_no_others(tmp_path: Path) -> None:
    libraries = {path.name for path in artefacts.runtime_libraries(tmp_path).iterdir()}

    assert {"boto3", "botocore", "awslambdaric"} <= libraries
    assert "aws_lambda_powertools" not in libraries


def test_what_a_custom_resource_cannot_be_given_is_refused() -> None:
    known = {"Table": "t-1", "Echo.Arn": "arn"}

    assert resolve({"a": [{"Ref": "Table"}, {"Fn::GetAtt": ["Echo", "Arn"]}]}, known) == {
        "a": ["t-1", "arn"]
    }
    with pytest.raises(TemplateError, match="Fn::Sub"):
        resolve({"Fn::Sub": "x"}, known)
