-- Every order once: its terms, the state that its events lead to, what is filled, and its whole
-- `history`. States are those of the order book, and REQUESTED or DENIED before it got there.
CREATE VIEW orders AS
WITH counted AS (
    -- A fill that is told twice counts once.
    SELECT h.*, f._position IS NOT NULL AS fills
    FROM order_history h LEFT JOIN (SELECT _position FROM fills) f USING (_position)
    WHERE h.event <> 'OrderFilled' OR f._position IS NOT NULL
), summed AS (
    SELECT
        *,
        sum(last_qty) FILTER (fills) OVER told AS filled_qty,
        max(order_qty) OVER (PARTITION BY account, cl_ord_id) AS whole_qty
    FROM counted
    WINDOW told AS (
        PARTITION BY account, cl_ord_id ORDER BY stage, _offset
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    )
), stepped AS (
    SELECT
        *,
        CASE
            WHEN fills AND filled_qty = whole_qty THEN 'OrderFilled FILLED'
            WHEN event = 'OrderResolved' THEN event || ' ' || resolution
            ELSE event
        END AS step
    FROM summed
)
SELECT
    cl_ord_id, account, any_value(strategy) AS strategy,
    any_value(strategy_version) AS strategy_version, any_value(venue) AS venue,
    any_value(instrument) AS instrument, any_value(parent_id) AS parent_id,
    any_value(child) AS child, any_value(side) AS side, any_value(ord_type) AS ord_type,
    any_value(time_in_force) AS time_in_force, any_value(post_only) AS post_only,
    any_value(price) AS price, max(order_qty) AS order_qty,
    max(limits_version) AS limits_version, any_value(order_id) AS order_id,
    CASE
        WHEN bool_or(event = 'OrderDenied') THEN 'DENIED'
        WHEN bool_or(event IN ('OrderApproved', 'OrderSubmitting')) THEN order_state(
            coalesce(list(step ORDER BY stage, _offset) FILTER (stage >= 2), [])
        )
        WHEN bool_or(event = 'OrderRequested') THEN 'REQUESTED'
        ELSE 'UNKNOWN'
    END AS state,
    arg_max(reason, (stage, _offset)) FILTER (reason IS NOT NULL) AS reason,
    coalesce(sum(last_qty) FILTER (fills), 0) AS filled_qty,
    coalesce(sum(last_px * last_qty) FILTER (fills), 0) AS filled_notional,
    count(*) FILTER (fills) AS fill_count,
    min(_time) AS first_time, max(_time) AS last_time,
    any_value(correlation_id) FILTER (event = 'OrderRequested') AS correlation_id,
    list(
        {
            'time': _time, 'event': event, 'reason': reason, 'last_px': last_px,
            'last_qty': last_qty, 'position': _position
        } ORDER BY _timestamp_ms, stage, _offset
    ) AS history
FROM stepped
GROUP BY account, cl_ord_id
