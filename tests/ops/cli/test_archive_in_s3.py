"""Commands over an archive in S3: what they say of the same archive in a folder; a refusal is one
line.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import duckdb
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


def test_a_database_file_holds_what_is_in_s3(
    s3: S3, tape: Ran, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, there, here = (tmp_path / name for name in ("archive", "there.duckdb", "here.duckdb"))
    archive(traded.load(), local_codec(), FolderStore(root), TOPICS)
    s3.copy(root)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI")
    monkeypatch.setenv("TAPE_ARCHIVE__ATTEMPTS", "5")  # a client with these credentials
    code, said, err = tape("sql", "--database", str(there))
    assert (code, err) == (0, "")
    assert said.endswith(f"over a copy of {s3.root}\n")
    tape("sql", "--database", str(here), "--archive", str(root))
    shutil.rmtree(s3.folder / "cache")
    s3.proxy.asked.clear()
    with duckdb.connect(str(there), read_only=True) as one, duckdb.connect(str(here)) as other:
        for question in (FILLS, "SELECT * FROM events ORDER BY ALL", "SELECT * FROM archived"):
            rows = one.sql(question).to_arrow_table()
            assert rows.num_rows
            assert rows.equals(other.sql(question).to_arrow_table())
        types = "SELECT table_name, column_name, data_type FROM information_schema.columns"
        assert {*one.execute(types).fetchall()} == {*other.execute(types).fetchall()}
    assert not s3.proxy.asked
    data = there.read_bytes()
    for word in ("wJalrXUtnFEMI", s3.bucket, s3.proxy.url, str(tmp_path)):
        assert word.encode() not in data


def test_a_database_file_of_some_days_or_none(
    s3: S3, tape: Ran, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, file = tmp_path / "archive", tmp_path / "file.duckdb"
    archive(traded.load(), local_codec(), FolderStore(root), TOPICS)
    s3.copy(root)
    ask = ("sql", "--database", str(file))
    monkeypatch.setenv("TAPE_ARCHIVE__CACHE_BYTES", "1000")
    code, out, err = tape(*ask)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "ask for fewer days" in err
    assert not [path for path in tmp_path.iterdir() if "duckdb" in path.name]
    assert tape(*ask, "--date", "2026-11-20")[0] == 0
    with duckdb.connect(str(file)) as client:
        assert client.execute("SELECT count(*) FROM fills").fetchone() == (0,)


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
