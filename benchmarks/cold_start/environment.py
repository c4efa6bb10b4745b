"""The environment of each function: every variable that the template gives it."""

from __future__ import annotations

LAMBDA = {
    "AWS_REGION": "eu-west-1",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_ACCESS_KEY_ID": "none",
    "AWS_SECRET_ACCESS_KEY": "none",
    "AWS_LAMBDA_FUNCTION_NAME": "cachegate",
}
BOTH = {
    "CACHEGATE_STACK": "cachegate",
    "CACHEGATE_PEERED_VPCS": "",
    "CACHEGATE_TRUSTED_CIDRS": "198.51.100.27/32",
    "CACHEGATE_TRUSTED_SSH_CIDRS": "",
    "POWERTOOLS_SERVICE_NAME": "cachegate",
    "POWERTOOLS_METRICS_NAMESPACE": "Cachegate",
}
FUNCTIONS = {
    "sync_forwards": BOTH
    | {
        "CACHEGATE_OWNER": "arn:aws:cloudformation:eu-west-1:123456789012:stack/cachegate/1",
        "CACHEGATE_TABLE": "ledgers",
        "CACHEGATE_DOCUMENT": "document",
        "CACHEGATE_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/123456789012/sync",
        "CACHEGATE_TOPIC": "arn:aws:sns:eu-west-1:123456789012:caches",
        "CACHEGATE_ENROL_NOTIFICATIONS": "true",
        "CACHEGATE_WIDEST_PLAINTEXT": "24",
        "CACHEGATE_LISTEN_PORTS": "6379-8378",
        "CACHEGATE_QUARANTINE": "604800",
        "CACHEGATE_RESOLVE_FROM": "lambda",
        "CACHEGATE_ADDRESS": "eipalloc-1",
        "CACHEGATE_ADDRESS_VPC": "vpc-1",
        "CACHEGATE_RELEASE_ADDRESS": "false",
        "CACHEGATE_MANAGE_GROUPS": "true",
        "CACHEGATE_RULES_PER_GROUP": "60",
        "CACHEGATE_ADOPT_FROM": "",
        "CACHEGATE_ADOPT_TABLE": "",
    },
    "guard_ingress": BOTH
    | {
        "CACHEGATE_ACCOUNT": "123456789012",
        "CACHEGATE_GUARD_TABLE": "records",
        "CACHEGATE_GUARD_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/123456789012/guard",
        "CACHEGATE_ALERT_TOPIC": "arn:aws:sns:eu-west-1:123456789012:alarms",
        "CACHEGATE_GUARD_ROLE": "arn:aws:iam::123456789012:role/guard",
        "CACHEGATE_GUARD_MODE": "enforce",
        "CACHEGATE_REVOKE_EXCLUSIVE": "false",
        "CACHEGATE_CARVE_RANGES": "false",
        "CACHEGATE_ADD_OWN_PATH": "false",
        "CACHEGATE_MAY_RESTORE": "false",
        "CACHEGATE_WIDE_IPV4": "8",
        "CACHEGATE_WIDE_IPV6": "32",
        "CACHEGATE_MOST_REVOCATIONS": "20",
        "CACHEGATE_ALLOWED_AWS_LISTS": "",
    },
}
