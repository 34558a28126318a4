"""SQL over the archive: DuckDB reads its Parquet files in place, through views.

`files` chooses the files of the days asked for, `events` has a view per topic and per event,
`views/*.sql` the questions that a desk asks again and again, `session` runs a question. Money is
DECIMAL in every view: what divides it says so (docs/sql.md).
"""
