"""Baseline, baseline once more, and candidate, epoch by epoch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any

from replay.canary.align import Change, Kind, NotTheSame, changes, decision_count
from replay.canary.decisions import Turn
from replay.canary.measures import Measures

KEPT = 1_000  # changes kept to be shown; all are counted


@dataclass
class Comparison:
    """What was compared. `noise`: decisions in which the baseline differs from itself."""

    epochs: int = 0
    decisions: int = 0  # that either side took
    noise: int = 0
    new_denials: int = 0
    counts: Counter[Kind] = field(default_factory=Counter)
    changed: list[Change] = field(default_factory=list)
    baseline: Measures = field(default_factory=Measures)
    candidate: Measures = field(default_factory=Measures)
    baseline_versions: set[str] = field(default_factory=set)
    candidate_versions: set[str] = field(default_factory=set)

    @property
    def changes(self) -> int:
        return sum(self.counts.values())

    def add(self, baseline: Turn, again: Turn, candidate: Turn) -> None:
        """One epoch."""
        self.epochs += 1
        self.decisions += decision_count(baseline, candidate)
        self.noise += sum(1 for _ in changes(baseline, again))
        for change in changes(baseline, candidate):
            self.counts[change.kind] += 1
            self.new_denials += _denied(change.candidate) and not _denied(change.baseline)
            if len(self.changed) < KEPT:
                self.changed.append(change)
        self.baseline.add(again)  # its code is warm, as the candidate's is
        self.candidate.add(candidate)
        self.baseline_versions.add(baseline.version)
        self.candidate_versions.add(candidate.version)

    def as_json(self) -> dict[str, Any]:
        return {
            "epochs": self.epochs,
            "decisions": self.decisions,
            "noise": self.noise,
            "changes": self.changes,
            "counts": {kind.value: self.counts[kind] for kind in Kind},
            "new_denials": self.new_denials,
            "baseline": self.baseline.as_json(),
            "candidate": self.candidate.as_json(),
            "baseline_versions": sorted(self.baseline_versions),
            "candidate_versions": sorted(self.candidate_versions),
            "changed": [change._asdict() for change in self.changed],
        }


def _denied(event: dict[str, Any] | None) -> bool:
    return event is not None and event["event"] == "OrderDenied"


def compare(
    baseline: Iterable[Turn],
    again: Iterable[Turn],
    candidate: Iterable[Turn],
    on_epoch: Callable[[int], None] = lambda _: None,
) -> Comparison:
    """Raises `NotTheSame` where one side ends before another, and what the sides raise."""
    found = Comparison()
    for before, once_more, after in zip_longest(baseline, again, candidate):
        if before is None or once_more is None or after is None:
            raise NotTheSame("one side ran over more epochs than the other")
        found.add(before, once_more, after)
        on_epoch(found.epochs)
    return found
