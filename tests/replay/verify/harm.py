"""Ways to harm an archive: each says what it did, in which file, and is undone again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from replay.archive import manifest
from replay.archive.layout import parse
from replay.archive.store import FolderStore
from tests.replay.verify.shelf import DAYS, Shelf


class Harm(NamedTuple):
    """What was done. One of `files` has to be named; with `offset`, that too."""

    kind: str
    files: tuple[str, ...]
    offset: int | None = None


ELSEWHERE = ("1999-01-01", DAYS[0], DAYS[2], "2099-01-01")


@contextmanager
def harmed(shelf: Shelf, day: str, random: Random) -> Iterator[Harm]:
    """One random harm to what a day's signature stands for."""
    files, there = protected(shelf, day), set(shelf.root.rglob("*"))
    before = {path: path.read_bytes() for path in files}
    try:
        yield HARMS[random.choice(KINDS)](shelf.root, files, random)
    finally:
        for path in sorted(set(shelf.root.rglob("*")) - there, reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        for path, data in before.items():
            if not path.exists() or path.read_bytes() != data:
                path.write_bytes(data)


def protected(shelf: Shelf, day: str) -> list[Path]:
    """A day's files and manifests, the schemas, and every day manifest but the open one."""
    root = shelf.root
    signed = [path for path in root.glob("_days/*") if path.name != f"{DAYS[-1]}.json"]
    return sorted([*root.glob(f"*/dt={day}/*"), *root.glob("_schemas/*"), *signed])


def name(root: Path, path: Path) -> str:
    return path.relative_to(root).as_posix()


def flip(root: Path, files: list[Path], random: Random) -> Harm:
    path = random.choice(files)
    data = bytearray(path.read_bytes())
    data[random.randrange(len(data))] ^= 1 << random.randrange(8)
    path.write_bytes(data)
    return Harm("flip", (name(root, path),))


def truncate(root: Path, files: list[Path], random: Random) -> Harm:
    path = random.choice(files)
    data = path.read_bytes()
    path.write_bytes(data[: random.randrange(len(data))])
    return Harm("truncate", (name(root, path),))


def swap(root: Path, files: list[Path], random: Random) -> Harm:
    """The contents of two files of a kind."""
    one = random.choice(files)
    others = [f for f in files if f.suffix == one.suffix and f.read_bytes() != one.read_bytes()]
    other = random.choice(others)
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second)
    other.write_bytes(first)
    return Harm("swap", (name(root, one), name(root, other)))


def drop_row(root: Path, files: list[Path], random: Random) -> Harm:
    path, table = _table(files, random)
    row = random.randrange(table.num_rows)
    offset = table.column("_offset")[row].as_py()
    pq.write_table(pa.concat_tables([table.slice(0, row), table.slice(row + 1)]), path)
    return Harm("drop row", (name(root, path),), offset)


def duplicate_row(root: Path, files: list[Path], random: Random) -> Harm:
    path, table = _table(files, random)
    row = random.randrange(table.num_rows)
    offset = table.column("_offset")[row].as_py()
    pq.write_table(pa.concat_tables([table.slice(0, row + 1), table.slice(row)]), path)
    return Harm("duplicate row", (name(root, path),), offset)


def _table(files: list[Path], random: Random) -> tuple[Path, pa.Table]:
    path = random.choice([file for file in files if file.suffix == ".parquet"])
    return path, pq.read_table(path, partitioning=None)


def remove(root: Path, files: list[Path], random: Random) -> Harm:
    path = random.choice(files)
    path.unlink()
    return Harm("remove", (name(root, path),))


def add(root: Path, files: list[Path], random: Random) -> Harm:
    """A whole file and its manifest, under a range that follows."""
    path = random.choice([file for file in files if file.suffix == ".parquet"])
    stem, _, end = path.stem.rpartition("-")
    fresh = path.with_name(f"{stem.rpartition('+')[0]}+{end}-{int(end) + 9}.parquet")
    fresh.write_bytes(path.read_bytes())
    fresh.with_suffix(".json").write_bytes(path.with_suffix(".json").read_bytes())
    return Harm("add", (name(root, fresh),))


def add_elsewhere(root: Path, files: list[Path], random: Random) -> Harm:
    """The same offsets once more, in the folder of another day: a whole file and its manifest."""
    path = random.choice([file for file in files if file.suffix == ".parquet"])
    return Harm(
        "add elsewhere", (again(root, path, random.choice(ELSEWHERE), random.randrange(2)),)
    )


def again(root: Path, path: Path, day: str, more: int) -> str:
    """The name of a copy in another day's folder, of so many offsets more."""
    found = parse(name(root, path))
    assert found is not None
    store, fresh = FolderStore(root), found._replace(day=day, end=found.end + more)
    said = manifest.read(store, found)
    gone = ((found.end, fresh.end),) if more else ()
    said = replace(said, day=day, end=fresh.end, missing=(*said.missing, *gone))
    store.write(fresh.path, path.read_bytes())
    store.write(fresh.manifest, said.dump())
    return fresh.path


def add_junk(root: Path, files: list[Path], random: Random) -> Harm:
    path = random.choice([file for file in files if "_schemas" not in file.parts])
    fresh = path.with_name(f"{random.randrange(10**6)}{path.suffix}")
    fresh.write_bytes(random.randbytes(20))
    return Harm("add junk", (name(root, fresh),))


DONE = (flip, truncate, swap, drop_row, duplicate_row, remove, add, add_elsewhere, add_junk)
HARMS = {harm.__name__.replace("_", " "): harm for harm in DONE}
KINDS = tuple(HARMS)
