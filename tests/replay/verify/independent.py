"""The same audit by another hand: `python independent.py ROOT DAY PUBLIC_KEY`, exit code 0 or 1."""

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import load_pem_public_key


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def rows(path: Path, said: dict[str, Any]) -> bool:
    """Whether the offsets are those of the manifest's range, but for those it calls missing."""
    gone = {n for a, b in said["missing"] for n in range(a, b)}
    found = pq.read_table(path, columns=["_offset"]).column(0).to_pylist()
    return bool(found == [n for n in range(said["start"], said["end"]) if n not in gone])


def check(root: Path, day: str, key: Any) -> None:
    tables = {root / "_schemas/ids.json", root / "_schemas/partitions.json"}
    before, known, days = None, tables, dict[str, Any]()
    for path in sorted((root / "_days").glob("*.json")):
        days[path.stem] = listed = json.loads(path.read_bytes())
        assert listed["previous"] == before
        before, known = sha256(path), known | {path}
        if listed["closed"]:
            known.add(signature := path.with_name(path.name + ".sig"))
            key.verify(signature.read_bytes(), path.read_bytes())
        known |= {root / f"_schemas/{name}.avsc" for name in listed["schemas"]}
    assert days[day]["closed"]
    for file in days[day]["files"]:
        known.add(parquet := root / file["name"])
        known.add(manifest := parquet.with_suffix(".json"))
        assert sha256(parquet) == file["sha256"]
        assert sha256(manifest) == file["manifest_sha256"]
        assert rows(parquet, json.loads(manifest.read_bytes()))
    ids = json.loads((root / "_schemas/ids.json").read_bytes())
    for name, schema in days[day]["schemas"].items():
        assert sha256(root / f"_schemas/{name}.avsc") == schema["sha256"]
        assert all(ids[str(number)] == name for number in schema["ids"])
    assert json.loads((root / "_schemas/partitions.json").read_bytes()) == listed["partitions"]
    assert known == {p for d in ("_days", "_schemas", f"*/dt={day}") for p in root.glob(f"{d}/*")}


def verdict(root: Path, day: str, pem: bytes) -> bool:
    try:
        check(root, day, load_pem_public_key(pem))
    except (AssertionError, InvalidSignature, OSError, ValueError, LookupError, AttributeError):
        return False
    return True


if __name__ == "__main__":
    sys.exit(0 if verdict(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]).read_bytes()) else 1)
