"""Secrets cannot be shown: not by what holds them, not by a client made without unwrapping them.

1. A `Secret` masks itself wherever text is made of it.
2. What settings hand on holds secrets in that form alone; nothing that shows it shows them.
3. Every client of the log is made of `revealed(...)`, and `reveal` is called in few places.
"""

from __future__ import annotations

import ast
import json
import logging
import pickle
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest

from connectors.gateway.keys import parse_key
from connectors.log.kafka import KafkaLog
from connectors.log_lines import handler_to
from connectors.log_repeats import Repeats
from ops.settings import ROOT, load
from schemas.secret import MASK, Secret, revealed

CANARY = "canary-of-the-secret"
FOLDERS = ("schemas", "pipelines", "connectors", "replay", "ops")
CLIENTS = {"Producer", "Consumer", "AdminClient"}
WITHOUT_SECRETS = {"ops/stack/broker.py"}  # the local stack's own address
REVEALING = {
    "connectors/gateway/keys.py",
    "ops/monitoring/config.py",
    "ops/processes/archiving.py",
    "ops/processes/importing.py",
    "ops/processes/sealing.py",
    "ops/settings.py",  # public keys
    "schemas/secret.py",
}


def test_a_secret_masks_itself_in_every_text() -> None:
    secret = Secret(CANARY)
    shown = f"{secret} {secret!r} {secret:>12} {[secret]} {{'a': {secret}}} %s" % (secret,)
    assert CANARY not in shown
    assert MASK in shown
    assert json.dumps({"a": secret}, default=str) == json.dumps({"a": MASK})
    with pytest.raises(TypeError, match="not JSON serializable"):
        json.dumps(secret)
    assert (secret == Secret(CANARY), secret == Secret("other")) == (True, False)
    assert secret != CANARY
    assert pickle.loads(pickle.dumps(secret)).reveal() == CANARY, "a child process needs it"


def test_a_line_of_log_cannot_hold_one() -> None:
    stream, logger = StringIO(), logging.getLogger("tape.secrets")
    handler = handler_to(stream, "json", Repeats())
    logger.addHandler(handler)
    try:
        logger.error("with %s and %s", Secret(CANARY), {"sasl.password": Secret(CANARY)})
        try:
            raise ValueError(Secret(CANARY))
        except ValueError:
            logger.exception("broken")
    finally:
        logger.removeHandler(handler)
    assert CANARY not in stream.getvalue()


def test_what_settings_hand_on_shows_no_secret(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "key").write_text(json.dumps({"api_key": CANARY.replace("-", ""), "secret": "x"}))
    monkeypatch.setenv("THE_SECRET", CANARY)
    options = {"sasl.username": "env:THE_SECRET", "sasl.password": CANARY, "linger.ms": 5}
    named = {"bootstrap_servers": "127.0.0.1:1", "options": options}
    settings = load(
        kafka=named,
        registry={"url": "http://127.0.0.1:1", "options": {"bearer.auth.token": CANARY}},
        risk={"signing_key": "env:THE_SECRET"},
        archive={"signing_key": "env:THE_SECRET"},
        gateway={"key": f"file:{tmp_path}/key"},
        watch={"key": f"file:{tmp_path}/key"},
        monitoring={"page_url": "env:THE_SECRET"},
    )
    handed = [
        settings.kafka_options(),
        settings.registry.client_options(),
        settings.signing_pem(),
        settings.archive_pem(),
        settings.gateway_key(),
        settings.watch_key(),
        settings.monitoring.urls(),
    ]
    log = KafkaLog("127.0.0.1:1", "", settings.kafka.client_options())
    key = parse_key(settings.gateway_key())
    shown = repr([*handed, vars(log), key]) + str(handed)
    assert "canary" not in shown
    assert revealed(settings.kafka_options())["sasl.password"] == CANARY
    assert revealed(settings.kafka_options())["sasl.username"] == CANARY
    assert revealed(settings.kafka_options())["linger.ms"] == 5


def modules() -> Iterator[tuple[str, ast.Module]]:
    for folder in FOLDERS:
        for path in (ROOT / folder).rglob("*.py"):
            yield str(path.relative_to(ROOT)), ast.parse(path.read_text())


def calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield str(getattr(node.func, "id", getattr(node.func, "attr", ""))), node


def test_every_client_of_the_log_is_made_of_revealed_options() -> None:
    found = {
        f"{name}:{call.lineno}": isinstance(first := call.args[0], ast.Call)
        and getattr(first.func, "id", "") == "revealed"
        for name, tree in modules()
        for called, call in calls(tree)
        if called in CLIENTS and call.args and name not in WITHOUT_SECRETS
    }
    assert len(found) >= 6
    assert [place for place, plain in found.items() if not plain] == []


def test_secrets_are_revealed_in_few_places() -> None:
    found = {n for n, tree in modules() if any(called == "reveal" for called, _ in calls(tree))}
    assert found == REVEALING
