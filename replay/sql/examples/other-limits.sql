-- Which denials would not have happened under the newest limits, as far as their own facts tell?
-- (`tape replay risk --limits FILE` decides every request again instead.)
WITH newest AS (
    SELECT limits_version, unnest(limits, recursive := true)
    FROM limits_changed
    QUALIFY limits_version = max(limits_version) OVER ()
), asked AS (
    SELECT
        *, map_from_entries([(f.name, f.value) FOR f IN facts]) AS fact,
        MAP {
            'POSITION_ABOVE_MAX': 'POSITION_QTY_MAX', 'NOTIONAL_ABOVE_MAX': 'ORDER_NOTIONAL_MAX',
            'ORDER_DUPLICATE': 'DUPLICATE_WINDOW_MS'
        }[reason] AS kind
    FROM order_denied
), compared AS (
    SELECT a._time, a.strategy, a.instrument, a.cl_ord_id, a.reason, a.limits_version AS denied_by,
        n.limits_version AS compared_with, min(n.value) AS new_limit,
        any_value(CASE a.kind
            WHEN 'POSITION_QTY_MAX'
            THEN a.fact['with_open']::DECIMAL(38, 18) + a.fact['qty']::DECIMAL(38, 18)
            WHEN 'ORDER_NOTIONAL_MAX' THEN a.fact['notional']::DECIMAL(38, 18)
            WHEN 'DUPLICATE_WINDOW_MS' THEN a.fact['age_ms']::DECIMAL(38, 18)
        END) AS asked_for,
        a.kind = 'DUPLICATE_WINDOW_MS' AS at_least
    FROM asked a
    JOIN newest n ON a.kind = n.kind AND coalesce(n.account, a.account) = a.account
        AND coalesce(n.strategy, a.strategy) = a.strategy
        AND coalesce(n.instrument, a.instrument) = a.instrument
    GROUP BY ALL
)
SELECT * EXCLUDE (at_least)
FROM compared
WHERE CASE WHEN at_least THEN asked_for >= new_limit ELSE asked_for <= new_limit END
ORDER BY _time
