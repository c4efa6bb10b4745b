"""Least privilege: each permission of the template was needed by some system test.

That each call was permitted is seen to where it is made: the world refuses and notes any other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.system.permissions import IN_DOUBT, USED_BY_LAMBDA

if TYPE_CHECKING:
    from tests.system.permissions import Permissions


@pytest.fixture
def whole(permissions: Permissions) -> Permissions:
    """Return what all the system tests granted and used; nothing can be judged by some of them."""
    if missing := permissions.not_passed():
        pytest.skip(f"judged nothing: {len(missing)} system tests did not run and pass")
    return permissions


def test_every_granted_action_was_used_on_the_type_of_resource_that_it_is_granted_on(
    whole: Permissions,
) -> None:
    assert whole.granted
    assert whole.unused() == []


def test_what_lambda_uses_is_granted_and_used_by_no_function(whole: Permissions) -> None:
    assert USED_BY_LAMBDA.keys() <= {grant.action for grant in whole.granted}
    assert not USED_BY_LAMBDA.keys() & {grant.action for grant in whole.used}


def test_what_is_in_doubt_is_used_by_no_function(whole: Permissions) -> None:
    assert not IN_DOUBT.keys() & {grant.sid for grant in whole.used}
