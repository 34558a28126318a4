"""Errors cross to another process as they are: a worker's ends the command in its own words.

1. Every class of error in the tree, and the simulated venue's refusals, come back from pickle.
2. One that is made of more than its text keeps its text and its fields.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from importlib import import_module
from pkgutil import walk_packages

import connectors
import ops
import pipelines
import replay
import schemas
from connectors.simulated.errors import Refusal
from schemas.errors import EncodeError, Portable, TapeError

PACKAGES = (connectors, ops, pipelines, replay, schemas)


def everything_below(kind: type[Portable]) -> Iterator[type[Portable]]:
    for below in kind.__subclasses__():
        yield below
        yield from everything_below(below)


def back(error: Portable) -> Portable:
    found = pickle.loads(pickle.dumps(error))
    assert isinstance(found, Portable)
    return found


def test_every_error_survives_the_way_to_another_process() -> None:
    for package in PACKAGES:
        for module in walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith("__main__"):
                import_module(module.name)
    kinds = {*everything_below(Portable)}
    assert len(kinds) > 100
    assert {TapeError, EncodeError, Refusal} <= kinds
    for kind in kinds:
        error = kind.__new__(kind, "what it says")
        error.__dict__["field"] = "what it knows"
        found = back(error)
        told = (type(found), str(found), found.__dict__)
        assert told == (kind, "what it says", {"field": "what it knows"})


def test_an_error_made_of_more_than_its_text_keeps_both() -> None:
    refused = back(Refusal(-2010, "Duplicate order sent.", 400, data={"a": 1}))
    assert isinstance(refused, Refusal)
    assert (str(refused), refused.code, refused.data) == ("Duplicate order sent.", -2010, {"a": 1})
    unfit = back(EncodeError("OrderFilled", "last_px", "too many digits"))
    assert isinstance(unfit, EncodeError)
    assert str(unfit) == "OrderFilled.last_px: too many digits"
    assert unfit.field == "last_px"
