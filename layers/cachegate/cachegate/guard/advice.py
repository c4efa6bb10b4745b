"""What people have to know after a revocation, or after one was taken back."""

AFTERMATH = (
    "Connections that EC2 tracks go on until they end or time out; those that it does not track "
    "(open to everybody in both directions) were cut at once. To end tracked ones, deny the source "
    "in the subnet's network ACL for a while."
)
NEW_ID = (
    "A rule that is given back has a new id: Terraform and CloudFormation know the former one and "
    "may report it missing, or add the rule again."
)
