"""How much a candidate may differ: a YAML file of limits, and the verdict."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipelines.exact import ZERO, plain
from replay.canary.measures import Book
from replay.canary.run import Comparison
from replay.ratio import ratio
from schemas.errors import TapeError, one_line
from schemas.yaml_files import Texts


class BadPolicy(TapeError):
    """A policy file that cannot be read or understood."""


class NotMeasured(TapeError):
    """A limit on what no decision shows."""


class Policy(BaseModel):
    """None: no limit. Without a file, any change is too much.

    `max_latency_ratio`: processor time per input record, candidate to baseline. `max_slippage_bps`:
    how much worse to the mark the candidate's orders may ask than the baseline's.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_changed_share: Decimal | None = Field(default=ZERO, ge=0, le=1)
    max_exposure_ratio: Decimal | None = Field(default=None, gt=0)
    max_turnover_ratio: Decimal | None = Field(default=None, gt=0)
    max_new_denials: int | None = Field(default=None, ge=0)
    max_slippage_bps: Decimal | None = None
    max_latency_ratio: Decimal | None = Field(default=None, gt=0)


def load_policy(file: Path) -> Policy:
    """Raises `BadPolicy`. Numbers are read as written, never as floats."""
    try:
        values = yaml.load(file.read_text(), Loader=Texts)
        return Policy(**({"max_changed_share": None} | (values or {})))
    except OSError as error:
        raise BadPolicy(f"{file}: {error.strerror}") from None
    except (TypeError, UnicodeDecodeError):
        raise BadPolicy(f"{file} is not a YAML file of limits") from None
    except yaml.YAMLError as error:
        raise BadPolicy(f"{file} is not a YAML file of limits: {one_line(error)}") from None
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise BadPolicy(f"{file}: {name}: {first['msg']}") from None


def breaches(policy: Policy, found: Comparison) -> Iterator[str]:
    """What is beyond the policy, a line each. Noise always is: then nothing else means much.

    Raises `NotMeasured`.
    """
    if found.noise:
        yield f"the baseline differs from itself in {found.noise} decisions"
    most = policy.max_changed_share
    if most is not None and found.changes > most * found.decisions:
        yield (
            f"{found.changes} of {found.decisions} decisions changed, allowed is a share of "
            f"{plain(most)}"
        )
    if policy.max_new_denials is not None and found.new_denials > policy.max_new_denials:
        yield f"{found.new_denials} new denials, allowed are {policy.max_new_denials}"
    yield from _books(policy, "orders", found.baseline.ordered, found.candidate.ordered)
    yield from _books(policy, "targets", found.baseline.targeted, found.candidate.targeted)
    yield from _prices(policy, found)


def _books(policy: Policy, name: str, before: Book, after: Book) -> Iterator[str]:
    pairs = (
        ("exposure", policy.max_exposure_ratio, before.exposure_max, after.exposure_max),
        ("turnover", policy.max_turnover_ratio, before.turnover, after.turnover),
    )
    for what, most, was, now in pairs:
        if most is None:
            continue
        if unpriced := max(before.unpriced, after.unpriced):
            raise NotMeasured(f"max_{what}_ratio: no price is known of {unpriced} of the {name}")
        if now > was * most:
            grown = plain(ratio(now, was)) if was else "infinitely many"
            yield f"{what} of {name} is {grown} times the baseline's, allowed are {plain(most)}"


def _prices(policy: Policy, found: Comparison) -> Iterator[str]:
    if policy.max_slippage_bps is not None:
        yield from _slippage(policy.max_slippage_bps, found)
    before, after = found.baseline.cpu_ns_per_record, found.candidate.cpu_ns_per_record
    if policy.max_latency_ratio is not None and after > before * policy.max_latency_ratio:
        yield (
            f"a record takes {after} ns of processor time, the baseline's {before}, allowed is a "
            f"ratio of {plain(policy.max_latency_ratio)}"
        )


def _slippage(most: Decimal, found: Comparison) -> Iterator[str]:
    """A side without orders asks nothing beyond the mark; that neither has any says nothing."""
    sides = (found.baseline, found.candidate)
    unmarked = any(side.orders and not side.marked for side in sides)
    if unmarked or (found.decisions and not any(side.orders for side in sides)):
        raise NotMeasured("max_slippage_bps: no order could be measured by a mark")
    before, after = (side.slippage_bps or ZERO for side in sides)
    if after - before > most:
        worse = plain(after - before)
        yield f"orders ask {worse} bps more beyond the mark, allowed are {plain(most)}"
