"""Counts the rows of tables by their ids with the reader named first, and prints for each table how many rows and how many ids it has.

Tables are folders; one without a log has no rows, but for the readers whose names end in `-folder`, which take every file that looks like one
of Parquet. Of these pyarrow knows buckets too, as `s3://KEY:SECRET@bucket/folder?endpoint_override=...`.
"""

import json
import os
import sys

import deltalake

reader, *folders = sys.argv[1:]
counts = {}


def glob(folder):
    if reader == "duckdb-folder":
        import duckdb
        import glob

        pattern = folder + "/**/*.parquet"
        if not glob.glob(pattern, recursive=True):
            return 0, 0
        sql = "SELECT count(*), count(DISTINCT id) FROM read_parquet(?, hive_partitioning = true, union_by_name = true)"
        return duckdb.execute(sql, [pattern]).fetchone()
    import pyarrow.dataset
    import pyarrow.fs

    system, folder = pyarrow.fs.FileSystem.from_uri(folder)
    if system.get_file_info(folder).type == pyarrow.fs.FileType.NotFound:
        return 0, 0
    rows = pyarrow.dataset.dataset(folder, filesystem=system, format="parquet", partitioning="hive")
    if not rows.files:
        return 0, 0
    values = rows.to_table(columns=["id"])["id"].to_pylist()
    return len(values), len(set(values))


for folder in folders:
    if reader.endswith("-folder"):
        rows, ids = glob(folder)
        counts[folder] = {"rows": rows, "ids": ids}
        continue
    if not os.path.isdir(folder + "/_delta_log"):
        counts[folder] = {"rows": 0, "ids": 0}
        continue
    table = deltalake.DeltaTable(folder)
    column = "file" if folder.endswith("__files") else "id"
    if reader == "duckdb":
        import duckdb

        files = table.file_uris()
        sql = f"SELECT count(*), count(DISTINCT {column}) FROM read_parquet(?, hive_partitioning = false, union_by_name = true)"
        rows, ids = duckdb.execute(sql, [files]).fetchone() if files else (0, 0)
    else:
        values = table.to_pyarrow_table(columns=[column])[column].to_pylist()
        rows, ids = len(values), len(set(values))
    counts[folder] = {"rows": rows, "ids": ids}
print(json.dumps(counts), flush=True)
# Threads of the readers may still be running, and taking them down with the interpreter sometimes aborts the process.
os._exit(0)
