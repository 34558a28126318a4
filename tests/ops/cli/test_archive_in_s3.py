"""Commands over an archive in S3: what they say of the same archive in a folder; a refusal is one
line.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import replay
from pipelines.batches import local_codec
from replay.archive.run import archive
from replay.archive.store import FolderStore
from tests.ops.cli.ran import Ran
from tests.replay import traded
from tests.replay.verify.shelf import DAYS, made
from tests.s3 import S3, Fault, s3, s3_proxy

__all__ = ["s3", "s3_proxy"]
TRADES = "md.trade.v1"
TOPICS = (TRADES, "oms.order-request.v1", "risk.decision.v1", "oms.order-event.v1")
FILLS = "SELECT cl_ord_id, last_px, last_qty FROM fills ORDER BY ALL"


@pytest.fixture
def tape(s3: S3, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Ran:
    """The archive of every command is the bucket's."""
    for name, value in s3.settings().items():
        monkeypatch.setenv(name, value)
    return Ran(monkeypatch, capsys)


def test_the_same_answers_as_from_a_folder(s3: S3, tape: Ran, tmp_path: Path) -> None:
    root = tmp_path / "archive"
    archive(traded.load(), local_codec(), FolderStore(root), TOPICS)
    s3.copy(root)
    code, found, said = tape("sql", FILLS, "--output", "json")
    assert (code, said) == (0, "")
    rows = json.loads(found)
    assert found == tape("sql", FILLS, "--output", "json", "--archive", str(root))[1]
    assert not s3.proxy.count("GET", f"{TRADES}/"), "a file that nobody asked for was fetched"
    explained = tape("explain", rows[0]["cl_ord_id"])
    assert explained[0] == 0
    assert "OrderFilled" in explained[1]
    here, there = replay.scan(TRADES, root=str(root)), replay.scan(TRADES)
    assert there.collect().equals(here.collect())
    code, _, said = tape("sql", "--database", str(tmp_path / "views.duckdb"))
    assert (code, said.count("\n")) == (2, 1)
    assert "aws s3 sync" in said


def test_an_audit_reads_every_byte(s3: S3, tape: Ran, tmp_path: Path) -> None:
    shelf = made(tmp_path / "shelf")
    s3.copy(shelf.root)
    key = tmp_path / "public.pem"
    key.write_bytes(shelf.public_pem)
    verify = ("verify", "--date", DAYS[0], "--public-key", str(key))
    code, found, _ = tape(*verify)
    assert (code, found.strip().endswith(": no findings")) == (0, True)
    name = next(n for n in s3.objects() if f"dt={DAYS[0]}" in n and n.endswith(".parquet"))
    harmed = bytearray((shelf.root / name).read_bytes())
    harmed[len(harmed) // 2] ^= 1
    s3.client.put_object(Bucket=s3.bucket, Key=f"desk/{name}", Body=bytes(harmed))
    code, found, _ = tape(*verify)
    assert code == 1
    assert name in found


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        pytest.param({"ENDPOINT_URL": "http://127.0.0.1:1"}, "Could not connect", id="nobody"),
        pytest.param({"ROOT": "s3://no-such-bucket/desk"}, "NoSuchBucket", id="no bucket"),
        pytest.param({"ROOT": "s3:///desk"}, "names no bucket", id="no name"),
        pytest.param({"ROOT": "ftp://host/desk"}, "or at s3://bucket/prefix", id="not S3"),
        pytest.param({"KMS_KEY": "desk"}, "goes with the encryption aws:kms", id="key alone"),
        pytest.param({"ENCRYPTION": "ROT13"}, "archive.encryption", id="no encryption"),
        pytest.param({"ENDPOINT_URL": "http://me:secret@host"}, "archive.endpoint_url", id="pw"),
    ],
)
def test_what_cannot_be_reached_is_one_line(
    tape: Ran, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], says: str
) -> None:
    for name, value in {"ATTEMPTS": "1", **variables}.items():
        monkeypatch.setenv(f"TAPE_ARCHIVE__{name}", value)
    code, out, err = tape("sql", FILLS)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert says in err
    assert "secret" not in err


def test_what_is_refused_for_good_is_one_line(
    s3: S3, tape: Ran, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAPE_ARCHIVE__ATTEMPTS", "2")
    s3.proxy.faults[:] = [Fault("503", "GET", "list-type", times=2)]
    code, _, err = tape("sql", FILLS)
    assert (code, err.count("\n")) == (2, 1)
    assert "Reduce your request rate. (SlowDown)" in err


def test_without_credentials_the_message_says_so(
    tape: Ran, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("TAPE_ARCHIVE__ATTEMPTS", "3")  # a client that no other test has made
    code, _, err = tape("sql", FILLS)
    assert (code, err.count("\n")) == (2, 1)
    assert "Unable to locate credentials" in err
