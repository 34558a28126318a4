-- What was paid in fees, by day, strategy and asset, and how much of it as a maker?
SELECT
    CAST(_time AS DATE) AS day, strategy, comm_currency, count(*) AS fills,
    sum(commission) AS commission,
    coalesce(sum(commission) FILTER (last_liquidity = 'MAKER'), 0) AS as_maker
FROM fills
GROUP BY ALL
ORDER BY day, strategy, comm_currency
