"""Keeps the port forwards of one NAT instance equal to a rule set that it is given."""
