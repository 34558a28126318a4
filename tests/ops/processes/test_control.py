"""Who decided."""

from __future__ import annotations

import getpass

import pytest

from ops.processes import control


def nobody() -> str:
    raise KeyError("getpwuid(): uid not found: 10001")


def test_a_user_without_a_name_is_the_operator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(getpass, "getuser", nobody)
    assert control.person() == "operator"
