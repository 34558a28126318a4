"""What `tape tail` prints comes back as the same records."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings

from pipelines.logic import Input
from pipelines.strategy.recorded import BadLine, inputs_of_lines
from replay.compare import named_json
from tests.pipelines.strategy.events import records


def printed(item: Input) -> str:
    where = {**item.position._asdict(), "timestamp_ms": item.timestamp_ms}
    body = {"key": item.key.decode(), "headers": {}, "value": named_json(item.event)}
    return json.dumps({**where, **body})


@settings(deadline=None)
@given(inputs=records)
def test_records_come_back(inputs: list[Input]) -> None:
    assert inputs_of_lines(map(printed, inputs)) == inputs


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("no JSON", "JSONDecodeError"),
        ("[]", "TypeError"),
        ("{}", "KeyError: 'topic'"),
        (
            '{"topic":"t","partition":0,"offset":0,"timestamp_ms":0,"key":"",'
            '"value":{"event":"MarkPublished"}}',
            "KeyError: 'MarkPublished'",
        ),
    ],
)
def test_a_line_that_is_no_tick_is_named(line: str, says: str) -> None:
    with pytest.raises(BadLine, match=f"^line 1 is not a tick .*: {says}"):
        inputs_of_lines([line])
