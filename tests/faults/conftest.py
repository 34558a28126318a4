"""A rig per test, on the run's broker."""

from __future__ import annotations

from pathlib import Path

import pytest

from ops.stack import StackInfo
from tests.faults.rig import Rig

SEED = 20_260


@pytest.fixture
def rig(stack: StackInfo, stack_dir: Path, tmp_path: Path) -> Rig:
    return Rig(stack.bootstrap_servers, stack_dir, tmp_path, SEED)
