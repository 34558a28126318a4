"""A piece fails where what it measures is not as it must be."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import pytest

from tests.faults import laws
from tests.soak.pieces import PIECES


@pytest.mark.parametrize(("long_ms", "grows"), [(1_024, False), (2_320, True), (66_000, True)])
def test_a_recovery_that_grows_with_the_log_fails(
    monkeypatch: pytest.MonkeyPatch, long_ms: int, grows: bool
) -> None:
    def measured(_: Any, sizes: tuple[int, ...]) -> list[tuple[int, int]]:
        assert sizes == (10_000, 1_000_000)
        return list(zip(sizes, (660, long_ms), strict=True))

    monkeypatch.setattr(laws, "recovery_time", measured)
    [piece] = [one for one in PIECES if one.name.startswith("recovery time")]
    rig: Any = None
    with pytest.raises(AssertionError, match="ms after") if grows else nullcontext():
        piece.run(rig, 1)
