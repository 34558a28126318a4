-- Denials that the limits of a version would not have made, as far as their own facts tell:
-- POSITION_ABOVE_MAX by the limit of the scope that denied (the first with that limit, in risk's
-- order; of an account and a strategy with the same one, the stricter), NOTIONAL_ABOVE_MAX and
-- ORDER_DUPLICATE by the strictest that holds. A `new_limit` of NULL: there is none any more.
CREATE MACRO denials_under(version) AS TABLE
WITH set_first AS (
    -- Two people may set one version at the same moment: the first counts.
    FROM limits_changed
    QUALIFY row_number() OVER (PARTITION BY limits_version ORDER BY _offset) = 1
), known AS (
    SELECT coalesce(list(limits_version), []) AS versions FROM set_first
), bound AS (
    SELECT limits_version, unnest(limits, recursive := true) FROM set_first
), denied AS (
    SELECT
        * REPLACE (map_from_entries([(f.name, f.value::VARCHAR) FOR f IN facts]) AS facts),
        MAP {
            'POSITION_ABOVE_MAX': 'POSITION_QTY_MAX', 'NOTIONAL_ABOVE_MAX': 'ORDER_NOTIONAL_MAX',
            'ORDER_DUPLICATE': 'DUPLICATE_WINDOW_MS'
        }[reason] AS kind
    FROM order_denied
    WHERE kind IS NOT NULL
), held AS (
    SELECT
        d._position, b.limits_version, b.value,
        concat_ws('/', coalesce(b.account, '*'), coalesce(b.strategy, '*')) AS scope
    FROM denied d JOIN bound b ON d.kind = b.kind AND coalesce(b.account, d.account) = d.account
        AND coalesce(b.strategy, d.strategy) = d.strategy
        AND coalesce(b.instrument, d.instrument) = d.instrument
), denier AS (
    SELECT d._position, h.scope
    FROM denied d JOIN held h ON d._position = h._position AND d.limits_version = h.limits_version
        AND h.value = d.facts['max']::DECIMAL(38, 18)
    WHERE d.reason = 'POSITION_ABOVE_MAX'
    QUALIFY rank() OVER (PARTITION BY d._position ORDER BY h.scope <> '*/*') = 1
), compared AS (
    SELECT
        d._position, d._time, d.strategy, d.instrument, d.cl_ord_id, d.reason,
        d.limits_version AS denied_by, version AS compared_with,
        min(n.value) FILTER (d.reason <> 'POSITION_ABOVE_MAX' OR o.scope IS NOT NULL) AS new_limit,
        CASE d.reason
            WHEN 'POSITION_ABOVE_MAX'
            THEN d.facts['with_open']::DECIMAL(38, 18) + d.facts['qty']::DECIMAL(38, 18)
            WHEN 'NOTIONAL_ABOVE_MAX' THEN d.facts['notional']::DECIMAL(38, 18)
            ELSE d.facts['age_ms']::DECIMAL(38, 18)
        END AS asked_for,
        count(n.value) AS limits_held
    FROM denied d
    LEFT JOIN held n ON d._position = n._position AND n.limits_version = version
    LEFT JOIN denier o ON n._position = o._position AND n.scope = o.scope
    GROUP BY ALL
)
SELECT c.* EXCLUDE (_position, limits_held)
FROM compared c, known k
WHERE CASE
    WHEN NOT coalesce(list_contains(k.versions, compared_with), false)
    THEN error(coalesce(
        'limits version ' || compared_with || ' was not set in the time asked for: begin earlier',
        'no limits were set in the time asked for: begin earlier'
    ))
    WHEN reason = 'POSITION_ABOVE_MAX' AND NOT list_contains(k.versions, denied_by)
    THEN error('limits version ' || denied_by || ' denied, and was set before the time asked for')
    WHEN reason = 'ORDER_DUPLICATE' THEN asked_for >= coalesce(new_limit, 0)
    -- The other two kinds are required: without any, risk denies by LIMITS_INCOMPLETE.
    ELSE limits_held > 0 AND asked_for <= coalesce(new_limit, asked_for)
END
