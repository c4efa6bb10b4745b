"""Who makes network interfaces in a VPC besides its owner, and how such interfaces look.

Nothing of this is documented in full: docs/fidelity.md says what to look at on an account.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Maker:
    """A service of AWS, as DescribeNetworkInterfaces shows what it made."""

    description: str
    requester: str  # RequesterId
    kind: str = "interface"  # InterfaceType
    attached_to: str  # Attachment.InstanceOwnerId: the service's own account


def elasticache(cluster_id: str) -> Maker:
    """Return the maker of a node's interface; others match the beginning of the description."""
    return Maker(
        description=f"ElastiCache {cluster_id}",
        requester="amazon-elasticache",
        attached_to="amazon-elasticache",
    )


# Of a serverless cache, which is met through an endpoint: nothing in it says ElastiCache.
SERVERLESS = Maker(
    description="VPC Endpoint Interface vpce-0a1b2c3d4e5f60718",
    requester="727180483921",
    kind="vpc_endpoint",
    attached_to="amazon-aws",
)
FUNCTION = Maker(
    description="AWS Lambda VPC ENI-reports-6f3a1c52-8d0e-4d35-9a55-0c9b4a3f7e21",
    requester="AROAXAMPLEXAMPLEXAMPL:6f3a1c52-8d0e-4d35-9a55-0c9b4a3f7e21",
    kind="lambda",
    attached_to="amazon-aws",
)
# Nobody knows it: what its requester is, its account does not say.
UNKNOWN = Maker(description="", requester="342018276541", attached_to="amazon-aws")
