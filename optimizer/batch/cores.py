"""How many cores this process may use."""

from __future__ import annotations

import os
from math import ceil
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup/cpu.max")


def usable_cores() -> int:
    """Cores of the machine that this process may run on and that its container is given; at least 1."""
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # pragma: no cover - not on Linux
        cores = os.cpu_count() or 1
    try:
        quota, period = CGROUP.read_text().split()
        cores = min(cores, ceil(int(quota) / int(period)))
    except (OSError, ValueError):  # no container, or "max": no quota
        pass
    return max(cores, 1)
