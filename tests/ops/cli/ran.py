"""`tape` in the process of a test."""

from __future__ import annotations

import sys

import pytest

from ops import cli


class Ran:
    """`tape` in this process."""

    def __init__(self, patch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._patch, self._capsys = patch, capsys

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        self._patch.setattr(sys, "argv", ["tape", *arguments])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        printed = self._capsys.readouterr()
        assert isinstance(caught.value.code, int)
        return caught.value.code, printed.out, printed.err
