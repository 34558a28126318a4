"""The registry's class path."""

from __future__ import annotations

import os
from pathlib import Path

from ops.stack.registry import class_path


def test_what_was_made_while_building_comes_before_what_it_was_made_from(tmp_path: Path) -> None:
    names = ["app/a.jar", "lib/boot/b.jar", "lib/main/c.jar"]
    made = ["quarkus/generated-bytecode.jar", "quarkus/transformed-bytecode.jar"]
    for name in [*names, *made, "quarkus-run.jar"]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert class_path(tmp_path).split(os.pathsep) == [str(tmp_path / n) for n in [*made, *names]]
