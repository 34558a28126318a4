"""What was done, piece by piece, and for which code: kept in `docs/reliability.json`, with the
repository, so that any clone goes on where another was stopped.
"""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".run" / "soak"
KEPT = ROOT / "docs" / "reliability.json"


@dataclass
class Done:
    """Rounds of one scenario: the code they are about, by its digest and its commit."""

    code: str
    commit: str
    rounds: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0


@dataclass
class State:
    """The newest rounds of each scenario, by its name."""

    done: dict[str, Done] = field(default_factory=dict)

    def of(self, name: str, about: Iterable[str]) -> Done:
        """What was done with the code as it is: nothing yet, where other code was run last."""
        code = code_hash(about)
        known = self.done.get(name)
        return known if known is not None and known.code == code else Done(code, commit())

    def outdated(self, name: str, about: Iterable[str]) -> bool:
        """Whether it was run, but with other code than there is."""
        return name in self.done and self.done[name].code != code_hash(about)

    @property
    def counts(self) -> dict[str, int]:
        """Of all scenarios together."""
        found: dict[str, int] = {}
        for done in self.done.values():
            merge(found, done.counts)
        return found

    def save(self) -> None:
        fresh = FOLDER / "state.json.new"
        fresh.write_text(json.dumps(asdict(self), indent=2, sort_keys=True) + "\n")
        fresh.replace(KEPT)


def commit() -> str:
    command = ["git", "rev-parse", "--short=12", "HEAD"]
    shown = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return shown.stdout.strip()


def code_hash(about: Iterable[str]) -> str:
    """Of these files but the tests among them, which no scenario runs."""
    found = {p for pattern in about for p in ROOT.glob(pattern) if p.is_file()}
    hasher = sha256()
    for path in sorted(p for p in found if not p.name.startswith("test_")):
        hasher.update(path.relative_to(ROOT).as_posix().encode() + path.read_bytes())
    return hasher.hexdigest()[:12]


def loaded() -> State:
    """The state of earlier runs."""
    found = json.loads(KEPT.read_text())
    return State({name: Done(**done) for name, done in found["done"].items()})


def merge(counts: dict[str, int], more: Mapping[str, int] | Counter[str]) -> None:
    """Adds up, except milliseconds: of those the worst is kept."""
    for name, number in more.items():
        worst = " ms" in name or name.startswith("ms ") or name.endswith("ms")
        before = counts.get(name, 0)
        counts[name] = max(before, number) if worst else before + number
