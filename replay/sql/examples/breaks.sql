-- Where did log and venue differ, for how long, and who cleared it?
SELECT
    kind, instrument, asset, found, cleared, epoch_ms(cleared - found) AS lasted_ms, open,
    CASE WHEN cleared_by <> '' THEN cleared_by ELSE cleared_reason END AS explained_by, detail
FROM breaks
ORDER BY found
