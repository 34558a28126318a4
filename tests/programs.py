"""Programs that are not Python packages: a test that needs one is skipped where it is missing, and
the run's last lines say so. `TAPE_REQUIRE=prometheus,browser` makes a failure of it.
"""

from __future__ import annotations

import os
import shutil
from typing import Final

import pytest

MISSING: Final = "not installed: "


def required(group: str) -> bool:
    return group in os.environ.get("TAPE_REQUIRE", "").split(",")


def program(group: str, *names: str) -> str:
    """The path of the first of these that is installed."""
    found = next(filter(None, map(shutil.which, names)), None)
    if found is not None:
        return found
    if required(group):
        pytest.fail(f"{MISSING}{group} ({names[0]}), and TAPE_REQUIRE asks for it")
    pytest.skip(f"{MISSING}{group} ({names[0]})")
