-- From tick to fill, order by order, nanoseconds UTC by our own clocks; durations in microseconds.
-- Requests and decisions carry the log time of what caused them, so they have no clock of their own:
-- what they took lies in tick_to_submit_us.
CREATE VIEW latency AS
WITH acks AS (
    SELECT account, cl_ord_id, min(ts_recv_ns) AS ack_ns FROM order_accepted GROUP BY ALL
), first_fills AS (
    SELECT account, cl_ord_id, min(ts_recv_ns) AS fill_ns
    FROM fills WHERE NOT reconciled GROUP BY ALL
), sent AS (
    SELECT s.account, s.cl_ord_id, min(coalesce(v.ts_ns, s._timestamp_ms * 1000000)) AS submit_ns
    FROM order_submitting s
    LEFT JOIN venue_request_sent v ON s.account = v.account AND s.request_id = v.request_id
    GROUP BY ALL
)
SELECT
    r.account, r.strategy, r.instrument, r.cl_ord_id, r.correlation_id, d.decision,
    r.ts_recv_ns AS tick_ns, r._timestamp_ms AS request_log_ms, d._timestamp_ms AS decision_log_ms,
    submit_ns, ack_ns, fill_ns,
    (submit_ns - r.ts_recv_ns) // 1000 AS tick_to_submit_us,
    (ack_ns - submit_ns) // 1000 AS submit_to_ack_us,
    (fill_ns - submit_ns) // 1000 AS submit_to_fill_us,
    (fill_ns - r.ts_recv_ns) // 1000 AS tick_to_fill_us
FROM order_requested r
LEFT JOIN decisions d
    ON r.account = d.account AND r.cl_ord_id = d.cl_ord_id AND d.decision <> 'CANCEL_APPROVED'
LEFT JOIN sent s ON r.account = s.account AND r.cl_ord_id = s.cl_ord_id
LEFT JOIN acks a ON r.account = a.account AND r.cl_ord_id = a.cl_ord_id
LEFT JOIN first_fills f ON r.account = f.account AND r.cl_ord_id = f.cl_ord_id
