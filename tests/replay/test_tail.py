"""A topic that is not there: the nearest name, or what makes it."""

from __future__ import annotations

import pytest

from connectors.log.errors import TopicMissing
from connectors.log.memory import MemoryLog
from pipelines.batches import local_codec
from replay.tail import tail


@pytest.mark.parametrize(
    ("topic", "says"),
    [
        pytest.param("md.trad.v1", "did you mean md.trade.v1", id="misspelt"),
        pytest.param("", "there is no topic ''", id="empty"),
        pytest.param("zzz", "there is no topic 'zzz', on the log", id="nothing near"),
        pytest.param("md.trade.v1", "^(?!there is no topic)", id="not made yet"),
    ],
)
def test_a_topic_that_is_not_there_is_named(topic: str, says: str) -> None:
    with pytest.raises(TopicMissing, match=says):
        next(tail(MemoryLog({}), local_codec(), topic))
