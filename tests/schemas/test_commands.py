"""`tape schemas` and `tape topics`: exit codes and one-line errors."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ops import cli
from ops.stack import StackInfo
from schemas import check


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(cli.build(), list(arguments))
    return result.exit_code, result.output


def test_check_of_a_sound_vocabulary_is_clean() -> None:
    assert run("schemas", "check") == (0, "schemas: no findings\n")


def test_check_lists_its_findings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "check", lambda: ["one", "two"])
    assert run("schemas", "check") == (1, "one\ntwo\n")
    code, output = run("schemas", "check", "--output", "json")
    assert (code, json.loads(output)) == (1, {"findings": ["one", "two"]})


def test_without_a_stack_the_error_is_one_line(tmp_path: Path) -> None:
    for command in (("schemas", "register"), ("topics", "diff"), ("topics", "apply")):
        code, output = run(*command)
        assert code == 2
        assert output.startswith("tape: no stack runs in")
        assert output.count("\n") == 1


def test_register_and_apply_bring_a_cluster_in_line(
    stack: StackInfo, topic_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAPE_KAFKA__BOOTSTRAP_SERVERS", stack.bootstrap_servers)
    monkeypatch.setenv("TAPE_REGISTRY__URL", stack.registry_url)
    monkeypatch.setenv("TAPE_TOPIC_PREFIX", topic_prefix)
    code, output = run("topics", "diff")
    assert code == 1
    assert f"{topic_prefix}md.raw.v1: topic is missing, the file says 4 partitions" in output
    code, output = run("topics", "apply")
    assert code == 0
    assert f"{topic_prefix}md.raw.v1: topic was missing, now 4 partitions" in output
    assert run("topics", "diff") == (0, "topics: no difference\n")
    code, output = run("schemas", "register", "--output", "json")
    assert code == 0
    assert all(row["subject"].startswith(topic_prefix) for row in json.loads(output))
