"""A trading key in AWS Secrets Manager: against moto's server, by boto3 as it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from connectors.gateway.keys import KeyRefused, parse_key
from connectors.gateway.secrets_manager import secret_text
from tests.connectors.gateway.rig import key_text
from tests.connectors.simulated.rig import API_KEY

NAME = "tape/desk"


@pytest.fixture
def manager(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A client of a Secrets Manager on loopback."""
    server = ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    try:
        host, port = server.get_host_and_port()
        monkeypatch.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", f"http://{host}:{port}")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        yield boto3.client("secretsmanager")
    finally:
        server.stop()


def test_a_key_is_read_and_its_newest_version_counts(manager: Any) -> None:
    manager.create_secret(Name=NAME, SecretString=key_text("oldkey1234567890"))
    assert parse_key(secret_text(NAME)).api_key == "oldkey1234567890"
    manager.put_secret_value(SecretId=NAME, SecretString=key_text())
    assert parse_key(secret_text(NAME)).api_key == API_KEY


def test_a_secret_that_is_not_there_or_no_text_is_refused(manager: Any) -> None:
    with pytest.raises(KeyRefused, match="aws:nowhere cannot be read: ResourceNotFoundException"):
        secret_text("nowhere")
    manager.create_secret(
        Name="tape/bytes", SecretBinary=b"canary"
    )  # moto forgets with its process
    with pytest.raises(KeyRefused, match="holds no text"):
        secret_text("tape/bytes")
