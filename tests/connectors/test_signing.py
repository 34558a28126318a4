"""A signature holds for one record, one log and one environment, under one key."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest

from connectors.log.interface import OutRecord
from connectors.signing import BadKey, Scope, Signer, Verifier, make_key, signed_bytes

SCOPE = Scope("simulation", "log-1")
RECORD = OutRecord("risk.decision.v1", 2, b"sim-1", b"\0\0\0\0\1approved", 7, [("ce_id", b"x")])


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "keys" / "risk.pem"
    make_key(path)
    return path


def verifier(key: Path, scope: Scope = SCOPE) -> Verifier:
    return Verifier([key.with_name("risk.pem.pub").read_bytes()], scope)


def holds(record: OutRecord, by: Verifier, **given: Any) -> bool:
    told = {"topic": record.topic, "key": record.key, "value": record.value, **given}
    return by.holds(headers=record.headers, **told)


def test_a_signed_record_holds_and_keeps_its_headers(key: Path) -> None:
    signed = Signer(key.read_bytes(), SCOPE).sign(RECORD)
    assert holds(signed, verifier(key))
    assert signed.headers[0] == ("ce_id", b"x")
    assert signed._replace(headers=RECORD.headers) == RECORD


@pytest.mark.parametrize(
    "given",
    [
        pytest.param({"topic": "oms.order-request.v1"}, id="topic"),
        pytest.param({"key": b"sim-2"}, id="key"),
        pytest.param({"value": b"\0\0\0\0\1approveD"}, id="value"),
    ],
)
def test_an_altered_record_does_not(key: Path, given: dict[str, Any]) -> None:
    signed = Signer(key.read_bytes(), SCOPE).sign(RECORD)
    assert not holds(signed, verifier(key), **given)


@pytest.mark.parametrize("scope", [Scope("live", "log-1"), Scope("simulation", "log-2")])
def test_a_record_of_another_log_or_environment_does_not(key: Path, scope: Scope) -> None:
    signed = Signer(key.read_bytes(), SCOPE).sign(RECORD)
    assert not holds(signed, verifier(key, scope))


def test_another_key_or_none_does_not(key: Path, tmp_path: Path) -> None:
    other = tmp_path / "other" / "risk.pem"
    make_key(other)
    assert not holds(Signer(other.read_bytes(), SCOPE).sign(RECORD), verifier(key))
    assert not holds(RECORD, verifier(key))


def test_only_one_topic_is_signed(key: Path) -> None:
    other = RECORD._replace(topic="risk.epochs.v1")
    signed = Signer(key.read_bytes(), SCOPE).sign_all([RECORD, other], "risk.decision.v1")
    assert [len(record.headers) for record in signed] == [3, 1]


def test_parts_cannot_be_shifted_into_each_other() -> None:
    assert signed_bytes(SCOPE, "t", b"ab", b"c") != signed_bytes(SCOPE, "t", b"a", b"bc")


def test_a_key_is_its_owners_alone_and_kept(key: Path) -> None:
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    before = key.read_bytes()
    make_key(key)
    assert key.read_bytes() == before


def test_what_is_no_key_is_refused_without_being_shown(key: Path) -> None:
    public = key.with_name("risk.pem.pub").read_bytes()
    for pem in (b"canary", public):
        with pytest.raises(BadKey, match="signing key is not") as caught:
            Signer(pem, SCOPE)
        assert pem.decode() not in str(caught.value)
    with pytest.raises(BadKey, match="verifying key"):
        Verifier([b"canary"], SCOPE)
