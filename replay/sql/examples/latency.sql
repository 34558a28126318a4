-- How long does it take from tick to sending, acknowledgement and fill, by strategy? Microseconds.
SELECT
    strategy, count(submit_ns) AS sent, count(fill_ns) AS filled,
    quantile_disc(tick_to_submit_us, 0.5) AS tick_to_submit_p50,
    quantile_disc(tick_to_submit_us, 0.99) AS tick_to_submit_p99,
    quantile_disc(submit_to_ack_us, 0.5) AS submit_to_ack_p50,
    quantile_disc(tick_to_fill_us, 0.5) AS tick_to_fill_p50,
    quantile_disc(tick_to_fill_us, 0.99) AS tick_to_fill_p99
FROM latency
GROUP BY strategy
ORDER BY strategy
