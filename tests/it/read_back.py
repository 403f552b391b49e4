"""Reads the access logs from a table with the reader named first, and prints figures as JSON that are the same for all."""

import datetime
import json
import os
import sys

reader, folder = sys.argv[1:]
pattern = folder + "/**/*.parquet"


def with_duckdb(files):
    import duckdb

    connection = duckdb.connect()
    connection.sql("SET TimeZone = 'UTC'")
    return connection.sql("SELECT * FROM read_parquet(?, hive_partitioning = true)", params=[files]).to_arrow_table()


if reader in ("deltalake", "duckdb"):
    import deltalake

    table = deltalake.DeltaTable(folder)
if reader == "deltalake":
    rows = table.to_pyarrow_table()
elif reader == "duckdb":
    # The extension that reads Delta is a download; the files the log lists are what it would read.
    rows = with_duckdb(table.file_uris())
elif reader == "polars":
    import polars

    rows = polars.read_delta(folder).to_arrow()
elif reader == "duckdb-folder":
    rows = with_duckdb(pattern)
elif reader == "polars-folder":
    import polars

    rows = polars.read_parquet(pattern, hive_partitioning=True).to_arrow()
else:
    import pyarrow.dataset

    rows = pyarrow.dataset.dataset(folder, format="parquet", partitioning="hive").to_table()


def type_name(data_type):
    import pyarrow.types as types

    if types.is_timestamp(data_type):
        return f"timestamp {data_type.tz}"
    if types.is_string(data_type) or types.is_large_string(data_type) or types.is_string_view(data_type):
        return "string"
    return {"int64": "long", "double": "double"}.get(str(data_type), str(data_type))


def iso(value):
    return value.astimezone(datetime.timezone.utc).isoformat()


records = rows.select(["time", "bytes", "referer", "user_agent", "date", "hour"]).to_pylist()
records.sort(key=lambda record: record["time"])
print(
    json.dumps(
        {
            "rows": len(records),
            "bytes": sum(record["bytes"] for record in records),
            "without_referer": sum(record["referer"] is None for record in records),
            "first": iso(records[0]["time"]),
            "last": iso(records[-1]["time"]),
            "first_agent": records[0]["user_agent"],
            "types": {name: type_name(rows.schema.field(name).type) for name in ("time", "ip", "status", "bytes", "duration")},
            "hours": len({(str(record["date"]), str(record["hour"])) for record in records}),
        }
    )
)

# The readers' native threads may still run; taking the interpreter down around them aborts now and then.
sys.stdout.flush()
os._exit(0)
