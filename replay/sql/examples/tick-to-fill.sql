-- What happened between the tick and the first fill of an order (here: the newest that filled)?
WITH wanted AS (
    SELECT
        l.account, l.instrument, l.tick_ns // 1000000 AS tick_ms, f._timestamp_ms AS fill_ms,
        f._position AS fill_position
    FROM latency l JOIN fills f ON l.account = f.account AND l.cl_ord_id = f.cl_ord_id
        AND l.fill_ns = f.ts_recv_ns
    ORDER BY l.tick_ns DESC, f._offset
    LIMIT 1
)
SELECT e._time, e._event, e._position, e.cl_ord_id, e.causation_id
FROM events e, wanted w
WHERE e._timestamp_ms BETWEEN w.tick_ms AND w.fill_ms
    AND coalesce(e.instrument, w.instrument) = w.instrument
    AND coalesce(e.account, w.account) = w.account
    AND e._topic NOT LIKE '%.epochs.v1'
ORDER BY e._timestamp_ms, e._topic, e._partition, e._offset
