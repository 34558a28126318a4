-- What every pipeline committed: which input made which epoch, and by which version.
CREATE VIEW epochs AS
SELECT
    pipeline, shard, sequence, reason, log_time_ms,
    make_timestamptz(log_time_ms * 1000) AS log_time,
    list_sum([i.count FOR i IN inputs]) AS input_count, output_count, snapshot_taken, boundary,
    version, instance, cpu, inputs, outputs, outputs_digest, chain, _position
FROM (
    SELECT *, list_max([i.log_time_ms FOR i IN inputs]) AS log_time_ms FROM epoch_committed
)
