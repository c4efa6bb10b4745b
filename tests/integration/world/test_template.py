"""Our own template, as the embedded world deploys it."""

from __future__ import annotations

import gc
import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from local import artefacts
from local.template import LEFT_OUT, TemplateError, holding, read, resolve, translate

if TYPE_CHECKING:
    from pathlib import Path


def test_our_template_is_translated_whole() -> None:
    template = read(artefacts.ROOT / "template.yaml", "cachegate")
    resources = template.body["Resources"]
    document = next(r for r in resources.values() if r["Type"] == "AWS::SSM::Document")

    assert template.functions.keys() >= {"SyncForwards"}
    assert all(kind in LEFT_OUT for kind in template.left_out.values())
    kinds = [r["Type"] for r in template.custom.values()]
    assert kinds == ["Custom::CachegateNatNetwork", "Custom::CachegatePass"]
    assert json.loads(document["Properties"]["Content"])["schemaVersion"] == "2.2"
    assert document["Properties"]["Name"].startswith("cachegate-AgentDocument-")


def test_a_translation_leaves_nothing_behind_that_samtranslator_would_warn_of(
    caplog: pytest.LogCaptureFixture,
) -> None:
    for _ in range(2):  # the second one lets go of what the first one kept
        translate(artefacts.ROOT / "template.yaml")
    gc.collect()

    assert "unpublished" not in caplog.text


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


CONDITIONS: dict[str, Any] = {
    "Parameters": {"A": {"Default": "no"}, "B": {"Default": 7}, "C": {}},
    "Conditions": {
        "IsA": {"Fn::Equals": [{"Ref": "A"}, "yes"]},
        "IsSeven": {"Fn::Equals": [{"Ref": "B"}, 7]},
        "Both": {"Fn::And": [{"Condition": "IsA"}, {"Condition": "IsSeven"}]},
        "Either": {"Fn::Or": [{"Condition": "IsA"}, {"Condition": "IsSeven"}]},
        "NotA": {"Fn::Not": [{"Condition": "IsA"}]},
        "NoC": {"Fn::Equals": [{"Ref": "C"}, ""]},
    },
}


@pytest.mark.parametrize(
    ("chosen", "held"),
    [
        ({}, {"IsSeven", "Either", "NotA", "NoC"}),
        ({"A": "yes", "C": "x"}, {"IsA", "IsSeven", "Both", "Either"}),
        ({"B": "8"}, {"NotA", "NoC"}),
    ],
)
def test_conditions_hold_as_parameters_and_defaults_say(
    chosen: dict[str, str], held: set[str]
) -> None:
    assert holding(CONDITIONS, chosen) == held


def test_a_template_without_conditions_has_none_and_an_unknown_one_is_refused() -> None:
    assert holding({}, {}) == set()
    with pytest.raises(TemplateError, match="Fn::Contains"):
        holding({"Conditions": {"X": {"Fn::Contains": [[], []]}}}, {})


def test_a_custom_resource_is_given_the_side_of_a_condition_that_holds() -> None:
    value = {"a": {"Fn::If": ["Yes", {"Ref": "Table"}, ""]}}

    assert resolve(value, {"Table": "t-1"}, {"Yes"}) == {"a": "t-1"}
    assert resolve(value, {}) == {"a": ""}  # what is not there is not asked for


def test_what_a_custom_resource_cannot_be_given_is_refused() -> None:
    known = {"Table": "t-1", "Echo.Arn": "arn"}

    assert resolve({"a": [{"Ref": "Table"}, {"Fn::GetAtt": ["Echo", "Arn"]}]}, known) == {
        "a": ["t-1", "arn"]
    }
    with pytest.raises(TemplateError, match="Fn::Sub"):
        resolve({"Fn::Sub": "x"}, known)
