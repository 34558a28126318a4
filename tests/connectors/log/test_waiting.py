"""How long a reader waits, and what must last for as long."""

from connectors.log.kafka_reader import DEFAULTS


def test_the_queue_of_a_reader_lasts_as_long_as_a_fetch_may_wait() -> None:
    """At a million records a second: a partition whose queue is full is left out of a fetch, which
    then waits for those that have nothing.
    """
    assert DEFAULTS["queued.min.messages"] >= 1_000 * DEFAULTS["fetch.wait.max.ms"]
