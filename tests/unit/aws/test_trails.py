"""Whether a trail tells of calls, by what CloudTrail says of its trails."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from cachegate.aws.trails import CloudTrails
from cachegate.guard.protocols import Trail
from tests.unit.aws.fake_client import Call, client_error, failing, fake_client

REGION = "eu-central-1"
BASIC = {"ReadWriteType": "All", "IncludeManagementEvents": True}


def field(name: str, **operators: list[str]) -> dict[str, Any]:
    return {"Field": name} | operators


MANAGEMENT = field("eventCategory", Equals=["Management"])


def advanced(*fields: dict[str, Any]) -> dict[str, Any]:
    return {"AdvancedEventSelectors": [{"FieldSelectors": list(fields)}]}


class Trails:
    """What CloudTrail holds."""

    def __init__(self) -> None:
        self.listed: list[dict[str, Any]] = []
        self.logging: dict[str, Any] = {}
        self.selectors: dict[str, Any] = {}
        self.calls: list[Call] = []

    def add(
        self,
        name: str = "main",
        *,
        home: str = REGION,
        everywhere: bool = False,
        logging: Any = True,
        selectors: Any = None,
    ) -> None:
        arn = f"arn:aws:cloudtrail:{home}:123456789012:trail/{name}"
        self.listed.append(
            {
                "Name": name,
                "TrailARN": arn,
                "HomeRegion": home,
                "IsMultiRegionTrail": everywhere,
            }
        )
        self.logging[arn] = logging
        self.selectors[arn] = {"EventSelectors": [BASIC]} if selectors is None else selectors

    def state(self) -> Trail:
        def answer(found: Any, **wanted: Any) -> Any:
            if isinstance(found, Exception):
                raise found
            return {"IsLogging": found} if isinstance(found, bool) else found

        answers: dict[str, Any] = {
            "DescribeTrails": lambda **_: {"trailList": self.listed},
            "GetTrailStatus": lambda Name: answer(self.logging[Name]),  # noqa: N803
            "GetEventSelectors": lambda TrailName: answer(self.selectors[TrailName]),  # noqa: N803
        }
        return CloudTrails(fake_client("cloudtrail", answers, self.calls), REGION).state()


def state_with(selectors: Any) -> Trail:
    trails = Trails()
    trails.add(selectors=selectors)
    return trails.state()


@pytest.mark.parametrize(
    ("selector", "state"),
    [
        ({}, Trail.LOGS),
        ({"ReadWriteType": "WriteOnly"}, Trail.LOGS),
        ({"ReadWriteType": "ReadOnly"}, Trail.NONE),
        ({"IncludeManagementEvents": False}, Trail.NONE),
        ({"ExcludeManagementEventSources": ["kms.amazonaws.com"]}, Trail.LOGS),
        ({"ExcludeManagementEventSources": ["ec2.amazonaws.com"]}, Trail.NONE),
        ({"ExcludeManagementEventSources": ["elasticache.amazonaws.com"]}, Trail.NONE),
    ],
)
def test_what_a_basic_selector_takes(selector: dict[str, Any], state: Trail) -> None:
    assert state_with({"EventSelectors": [BASIC | selector]}) is state
    assert state_with({"EventSelectors": [selector]}) is state  # AWS's defaults


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ([MANAGEMENT], Trail.LOGS),
        ([field("eventCategory", Equals=["Data"])], Trail.NONE),
        ([MANAGEMENT, field("readOnly", Equals=["false"])], Trail.LOGS),
        ([MANAGEMENT, field("readOnly", Equals=["true"])], Trail.NONE),
        ([MANAGEMENT, field("eventSource", NotEquals=["kms.amazonaws.com"])], Trail.LOGS),
        ([MANAGEMENT, field("eventSource", NotEquals=["ec2.amazonaws.com"])], Trail.NONE),
        ([MANAGEMENT, field("eventSource", NotStartsWith=["elasticache."])], Trail.NONE),
        ([MANAGEMENT, field("eventSource", NotEndsWith=[".amazonaws.com"])], Trail.NONE),
        ([MANAGEMENT, field("eventSource", StartsWith=["e"])], Trail.LOGS),
        ([MANAGEMENT, field("eventSource", StartsWith=["ec2"])], Trail.NONE),
        ([MANAGEMENT, field("eventSource", EndsWith=[".com"])], Trail.LOGS),
        ([MANAGEMENT, field("eventSource", Equals=["ec2.amazonaws.com"])], Trail.NONE),
        ([MANAGEMENT, field("userIdentity.arn", NotEquals=["x"])], Trail.UNKNOWN),
        (
            [field("eventCategory", Equals=["Data"]), field("resources.type", Equals=["x"])],
            Trail.NONE,
        ),
    ],
)
def test_what_an_advanced_selector_takes(fields: list[dict[str, Any]], state: Trail) -> None:
    assert state_with(advanced(*fields)) is state


def test_selectors_add_up() -> None:
    data = {"FieldSelectors": [field("eventCategory", Equals=["Data"])]}
    each = [
        {"FieldSelectors": [MANAGEMENT, field("eventSource", Equals=[f"{name}.amazonaws.com"])]}
        for name in ("ec2", "elasticache")
    ]

    assert state_with({"AdvancedEventSelectors": [data, *each]}) is Trail.LOGS
    assert state_with({"AdvancedEventSelectors": [data, each[0]]}) is Trail.NONE


def test_a_trail_without_selectors_takes_all_management_calls() -> None:
    assert state_with({"EventSelectors": []}) is Trail.LOGS


def test_without_any_trail_there_is_none() -> None:
    assert Trails().state() is Trail.NONE


@pytest.mark.parametrize(
    ("home", "everywhere", "state"),
    [
        (REGION, False, Trail.LOGS),
        ("us-east-1", True, Trail.LOGS),
        ("us-east-1", False, Trail.NONE),
    ],
)
def test_a_trail_counts_where_it_is_at_home_or_everywhere(
    home: str,
    everywhere: bool,  # noqa: FBT001
    state: Trail,
) -> None:
    trails = Trails()
    trails.add(home=home, everywhere=everywhere)

    assert trails.state() is state


def test_a_trail_is_asked_for_by_its_arn() -> None:
    trails = Trails()
    trails.add(home="us-east-1", everywhere=True)

    trails.state()

    arn = "arn:aws:cloudtrail:us-east-1:123456789012:trail/main"
    assert [tuple(parameters.values()) for _, parameters in trails.calls[1:]] == [(arn,), (arn,)]


def test_a_trail_that_does_not_log_is_none() -> None:
    trails = Trails()
    trails.add(logging=False)

    assert trails.state() is Trail.NONE


@pytest.mark.parametrize(
    "error",
    [
        client_error("AccessDeniedException"),
        client_error("TrailNotFoundException"),
        client_error("ThrottlingException"),
        EndpointConnectionError(endpoint_url="https://cloudtrail"),
    ],
)
class TestWhatAwsDoesNotTell:
    def test_is_unknown_and_not_none(self, error: Exception) -> None:
        for logging, selectors in ((error, None), (True, error)):
            trails = Trails()
            trails.add("stopped", logging=False)
            trails.add("of the organisation", logging=logging, selectors=selectors)

            assert trails.state() is Trail.UNKNOWN

    def test_hides_no_trail_that_logs(self, error: Exception) -> None:
        trails = Trails()
        trails.add("of the organisation", logging=error)
        trails.add("ours")

        assert trails.state() is Trail.LOGS

    def test_of_all_trails_is_unknown_as_well(self, error: Exception) -> None:
        cloudtrail = fake_client("cloudtrail", {"DescribeTrails": failing(error)})

        assert CloudTrails(cloudtrail, REGION).state() is Trail.UNKNOWN
