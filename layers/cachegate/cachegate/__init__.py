"""cachegate: a NAT instance's port forwards, kept in step with ElastiCache nodes."""

__version__ = "0.1.0"
