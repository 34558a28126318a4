"""The same audit by another hand: `python independent.py ROOT DAY PUBLIC_KEY`, exit code 0 or 1."""

import hashlib
import json
import re
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import load_pem_public_key


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def check(root: Path, day: str, key: Any) -> bool:
    tables = root / "_schemas/ids.json", root / "_schemas/partitions.json"
    before, days, known = None, dict[str, Any](), {*tables}
    for path in sorted((root / "_days").glob("*.json")):
        days[path.stem] = listed = json.loads(path.read_bytes())
        assert listed["previous"] == before
        before, files = sha256(path), [root / file["name"] for file in listed["files"]]
        if listed["closed"]:
            known.add(signature := path.with_name(path.name + ".sig"))
            key.verify(signature.read_bytes(), path.read_bytes())
        known |= {path, *files, *(file.with_suffix(".json") for file in files)}
        known |= {root / f"_schemas/{name}.avsc" for name in listed["schemas"]}
    assert (days[day]["closed"], listed["closed"]) == (True, False)
    for file in days[day]["files"]:
        manifest = (parquet := root / file["name"]).with_suffix(".json")
        assert [sha256(parquet), sha256(manifest)] == [file["sha256"], file["manifest_sha256"]]
        said = json.loads(manifest.read_bytes())
        gone = {n for a, b in said["missing"] for n in range(a, b)}
        found = pq.read_table(parquet, columns=["_offset"]).column(0).to_pylist()
        assert found == [n for n in range(said["start"], said["end"]) if n not in gone]
    ids = json.loads((texts := [path.read_text() for path in tables])[0])
    for name, schema in days[day]["schemas"].items():
        assert sha256(root / f"_schemas/{name}.avsc") == schema["sha256"]
        assert all(ids[str(number)] == name for number in schema["ids"])
    for text, said in zip(texts, (ids, listed["partitions"]), strict=True):
        assert text == json.dumps(said, sort_keys=True, separators=(",", ":")) + "\n"
    there = {path for d in ("_days", "_schemas", "*/dt=*") for path in root.glob(f"{d}/*")}
    assert known >= {path for path in there if path.parent.name < f"dt={max(days)}"}
    names = re.findall(r"dt=(.*)/(.*)\+(\d+)-(\d+)\.parquet", "\n".join(map(str, there)))
    ends = dict(sorted(((tp, int(a), d), int(b)) for d, tp, a, b in names))  # the longest wins
    return all(x[0] != y[0] or ends[x] <= y[1] for x, y in zip(ends, [*ends][1:], strict=False))


def verdict(root: Path, day: str, pem: bytes) -> bool:
    try:
        return check(root, day, load_pem_public_key(pem))
    except (AssertionError, InvalidSignature, OSError, ValueError, LookupError, AttributeError):
        return False


if __name__ == "__main__":
    sys.exit(0 if verdict(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]).read_bytes()) else 1)
