"""A small deployment's topics."""

from __future__ import annotations

from schemas.catalog import load_catalog

CATALOG = load_catalog()


def test_no_topic_has_more_partitions_but_those_by_shard() -> None:
    small = CATALOG.within(1)
    by_key = {topic.key: {t.partitions for t in small.topics.values() if t.key == topic.key}
              for topic in small.topics.values()}  # fmt: skip
    assert by_key.pop("shard") == {4}
    assert set.union(*by_key.values()) == {1}
    assert CATALOG.within(None) == CATALOG == CATALOG.within(4)
    assert small.events == CATALOG.events


def test_the_others_are_as_their_files_say() -> None:
    three = CATALOG.within(3)
    for name, topic in CATALOG.topics.items():
        changed = 3 if topic.key != "shard" and topic.partitions > 3 else topic.partitions
        assert (three.topics[name].partitions, three.topics[name].config()) == (
            changed,
            topic.config(),
        )
