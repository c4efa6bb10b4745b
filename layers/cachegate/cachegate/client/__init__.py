"""For programs that use a cache through a NAT instance: where to connect, and what that takes."""
