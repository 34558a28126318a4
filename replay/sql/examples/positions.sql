-- What did every strategy hold, at which average price and profit? (Put any time; this is the end.)
SELECT account, strategy, instrument, position_qty, avg_px, realized_pnl, since
FROM positions_asof('2100-01-01 00:00:00+00')
ORDER BY account, strategy, instrument
