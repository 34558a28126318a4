"""The result of a backtest as a folder: the desk's own records in the archive's layout, `run.json`,
`summary.json`, `report.html`.

Named by what was run, with no time of its making in it: the same again gives the same files.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from replay.archive.run import archive
from replay.archive.store import FolderStore
from replay.backtest.report import page
from replay.backtest.run import Done
from replay.backtest.story import Story
from replay.backtest.summary import summary
from replay.kept import MANIFEST, canonical, input_ranges, name_of, schema_hashes, write

FACTS: Final = (
    *("run", "configuration", "configuration_sha256", "code_version"),
    *("clock", "quotes", "marks"),
)


class Run(NamedTuple):
    """A kept result. `manifest` is `run.json`, `numbers` is `summary.json`."""

    folder: Path
    manifest: dict[str, Any]
    numbers: dict[str, Any]

    @property
    def report(self) -> Path:
        return self.folder / "report.html"


def store(done: Done, facts: Mapping[str, Any], root: Path) -> Run:
    """Writes the result below `root`; one of the same name that is there already is replaced."""
    manifest, numbers = manifest_of(done, facts), summary(done.story)
    folder = root / f"backtest-{manifest['run']}"
    fresh = root / f".{folder.name}.new"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    topics = list(manifest["outputs"])
    kept = archive(done.records.log, done.records.codec, FolderStore(fresh), topics)
    assert not kept.notes, kept.notes
    title = f"Backtest of {manifest['configuration']}"
    shown = page(title, done.story, numbers, _facts(manifest), done.apart)
    numbers |= {} if done.apart is None else {"live": done.apart}
    write(fresh / "summary.json", canonical(numbers))
    write(fresh / "report.html", shown)
    write(fresh / MANIFEST, canonical(manifest))
    shutil.rmtree(folder, ignore_errors=True)
    fresh.rename(folder)
    return Run(folder, manifest, numbers)


def manifest_of(done: Done, facts: Mapping[str, Any]) -> dict[str, Any]:
    """What makes this run this run, and the digests of what came of it."""
    catalog = done.records.codec.catalog
    given = {**facts, "inputs": input_ranges(done.ranges), "schemas": schema_hashes(catalog)}
    given |= {} if done.imported is None else {"imported": done.imported}
    return {
        "run": name_of(given),
        **given,
        "clock": "of the log" if done.clock else "made for the run",
        "quotes": done.quotes,
        "marks": done.marks,
        "records_in": done.market,
        "outputs": {
            topic: {"records": done.records.counts()[topic], "digest": digest}
            for topic, digest in done.records.digests().items()
        },
    }


def _facts(manifest: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What a reader wants of the manifest."""
    rows = []
    for name in FACTS:
        rows.append((name.replace("_", " "), str(manifest[name])))
    for name in ("parameters", "assumed"):
        said = ", ".join(f"{key} {one}" for key, one in manifest[name].items())
        rows.append((name, said or "as configured"))
    rows.append(("records in", f"{manifest['records_in']:,}"))
    for one in manifest["inputs"]:
        place = f"{one['topic']}/{one['partition']}"
        rows.append((place, f"offsets {one['start']:,} to {one['end']:,}"))
    for topic, one in manifest["outputs"].items():
        rows.append((topic, f"{one['records']:,} records, {one['digest']}"))
    return rows


def keep_report(folder: Path, title: str, story: Story, facts: Sequence[tuple[str, str]]) -> Path:
    """A report alone, for what was not simulated."""
    write(folder / "report.html", page(title, story, summary(story), facts))
    return folder / "report.html"
