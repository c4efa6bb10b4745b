"""What holds for every test."""

from __future__ import annotations

from hypothesis import settings

# A machine under load is no finding: what takes how long is measured by `make bench`.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
