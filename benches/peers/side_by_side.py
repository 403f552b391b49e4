#!/usr/bin/env python3
"""Loads CSV files of many shapes with bucketload and with its peers, in turn, and says how many times as long the best of them took.

    python3 -m venv /tmp/peers && /tmp/peers/bin/pip install duckdb chdb polars
    cargo build --release
    /tmp/peers/bin/python benches/peers/side_by_side.py [--shapes wide,nulls] [--engines bucketload,duckdb] [--runs 3]

The job is the same for all: typed columns, Parquet with snappy, one folder or file for each hour of the column `time`. Files are local, are
made once (about 6 GB, `--scale 0.1` for a tenth) and are in the page cache. Each run is a process of its own; its wall time, CPU time and
peak memory count, and its rows are compared with what was made. An engine that cannot read a shape is left out of it.
"""
import argparse
import bz2
import gzip
import itertools
import os
import pathlib
import random
import shutil
import statistics
import subprocess
import sys
import time

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent.parent
THREADS = os.cpu_count()
TIME_FORMAT = "%Y-%m-%dT%H:%M:%S"
WORDS = "lorem ipsum dolor sit amet consectetur adipiscing elit sed do eiusmod tempor incididunt ut labore".split()
LOG = [
    ("time", "timestamp"), ("edge", "string"), ("ip", "string"), ("method", "string"), ("host", "string"), ("uri", "string"),
    ("status", "long"), ("bytes", "long"), ("referer", "string"), ("user_agent", "string"), ("duration", "double"),
]
MIXED = ("long", "string", "double")


# --- What is loaded -------------------------------------------------------------------------------------------------------------------


def mixed(count):
    return [("time", "timestamp")] + [(f"c{index}", MIXED[index % 3]) for index in range(count)]


def value(kind, draw):
    if kind == "long":
        return str(draw.randrange(10**6))
    if kind == "double":
        return f"{draw.random() * 1000:.4f}"
    return draw.choice(WORDS) + str(draw.randrange(10**4))


def log_row(draw):
    address = ".".join(str(draw.randrange(1, 255)) for _ in range(4))
    uri = f"/{draw.choice(WORDS)}/{draw.randrange(10**6)}.js"
    agent = f"Mozilla/5.0 (X11; Linux x86_64) {draw.choice(WORDS)}/{draw.randrange(200)}.{draw.randrange(2000)}"
    return (f"NRT{draw.randrange(60)},{address},GET,{draw.choice(WORDS)}.example.org,{uri},{draw.choice((200, 200, 200, 304, 404))},"
            f"{draw.randrange(10**5)},,{agent},{draw.random():.6f}")


def mixed_row(count):
    kinds = [kind for _, kind in mixed(count)[1:]]
    return lambda draw: ",".join(value(kind, draw) for kind in kinds)


def sparse_row(draw):
    cells = [""] * 30
    for index in draw.sample(range(30), 3):
        cells[index] = value(MIXED[index % 3], draw)
    return ",".join(cells)


def long_row(draw):
    text = " ".join(draw.choices(WORDS, k=draw.randrange(100, 900)))
    return f'{draw.randrange(10**6)},"{text[:150]}\n""{text[150:]}"",",x{draw.randrange(50)}'


# Name: columns, a function that makes a row without its time, files, rows of a file, how the files are packed.
SHAPES = {
    "plain": (LOG, log_row, 8, 600_000, None),
    "gz": (LOG, log_row, 8, 600_000, "gz"),
    "small_gz": (LOG, log_row, 3000, 1000, "gz"),
    "zst": (LOG, log_row, 8, 600_000, "zst"),
    "bz2": (LOG, log_row, 4, 250_000, "bz2"),
    "one_plain": (LOG, log_row, 1, 8_000_000, None),
    "one_gz": (LOG, log_row, 1, 8_000_000, "gz"),
    "wide": (mixed(299), mixed_row(299), 4, 30_000, None),
    "narrow": ([("time", "timestamp"), ("v", "long")], lambda draw: str(draw.randrange(10**9)), 4, 4_000_000, None),
    "long_text": ([("time", "timestamp"), ("id", "long"), ("body", "string"), ("tag", "string")], long_row, 4, 60_000, None),
    "nulls": (mixed(30), sparse_row, 4, 1_000_000, None),
}


def make(shape, folder, scale):
    """Makes the files of a shape unless they are there, and gives the number of their rows. Every file covers 24 hours."""
    columns, make_row, num_files, rows_per_file, packing = SHAPES[shape]
    if num_files > 100:
        num_files = max(1, int(num_files * scale))
    else:
        rows_per_file = max(1, int(rows_per_file * scale))
    done = folder / f".done-{num_files}-{rows_per_file}"
    if not done.exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        draw = random.Random(shape)
        pool = [make_row(draw) for _ in range(min(rows_per_file, 20_000))]
        for number in range(num_files):
            path = folder / f"{number:05}.csv"
            with open(path, "w", encoding="utf-8") as file:
                file.write(",".join(name for name, _ in columns) + "\n")
                for row in range(rows_per_file):
                    millis = row * 86_400_000 // rows_per_file
                    clock = time.strftime(TIME_FORMAT, time.gmtime(1_780_272_000 + millis // 1000))
                    file.write(f"{clock}.{millis % 1000:03}Z,{draw.choice(pool)}\n")
            pack(path, packing)
        done.touch()
    return num_files * rows_per_file


def pack(path, packing):
    if packing is None:
        return
    if packing == "zst":
        subprocess.run(["zstd", "-q", "--rm", str(path)], check=True)
        return
    opened = {"gz": lambda name: gzip.open(name, "wb", compresslevel=6), "bz2": lambda name: bz2.open(name, "wb")}[packing]
    with open(path, "rb") as plain, opened(f"{path}.{packing}") as packed:
        shutil.copyfileobj(plain, packed, 1 << 20)
    path.unlink()


# --- Who loads it ---------------------------------------------------------------------------------------------------------------------


def bucketload(columns, folder, output, binary):
    lines = ["in:", "  type: file", f"  path_prefix: {folder}/", "  parser:", "    type: csv", "    escape: '\"'", "    newline: LF",
             "    skip_header_lines: 1", "    on_error: fail", "    columns:"]
    for name, kind in columns:
        extra = ", format: '%Y-%m-%dT%H:%M:%S.%L%z'" if kind == "timestamp" else ""
        lines.append(f"      - {{name: {name}, type: {kind}{extra}}}")
    lines.append("out: {type: parquet, mode: append, time_column: time, partition_by: hour, compression: snappy}")
    config = output / "load.yml"
    config.write_text("\n".join(lines) + "\n")
    table = ["--warehouse", str(output), "--database", "peers", "--table", "shape", "--auto-create-table"]
    os.execv(binary, [binary, "issue", str(config), *table, "--json"])


def duckdb(columns, folder, output, _binary):
    import duckdb as library
    types = {"timestamp": "TIMESTAMP", "string": "VARCHAR", "long": "BIGINT", "double": "DOUBLE"}
    spelled = ", ".join(f"'{name}': '{types[kind]}'" for name, kind in columns)
    reading = (f"read_csv('{folder}/*.csv*', header=true, auto_detect=false, delim=',', quote='\"', escape='\"', columns={{{spelled}}}, "
               f"timestampformat='{TIME_FORMAT}.%gZ')")
    connection = library.connect()
    connection.execute(f"SET threads={THREADS}")
    connection.execute(f"COPY (SELECT *, strftime(time, '%Y%m%d%H') AS hour FROM {reading}) TO '{output}/hours' "
                       "(FORMAT parquet, COMPRESSION snappy, PARTITION_BY (hour))")


def clickhouse(columns, folder, output, _binary):
    from chdb import session
    types = {"timestamp": "DateTime64(3, ''UTC'')", "string": "Nullable(String)", "long": "Nullable(Int64)", "double": "Nullable(Float64)"}
    spelled = ", ".join(f"{name} {types[kind]}" for name, kind in columns)
    settings = (f"max_threads={THREADS}, output_format_parquet_compression_method='snappy', engine_file_truncate_on_insert=1, "
                "date_time_input_format='best_effort'")
    session.Session(str(output / "session")).query(
        f"INSERT INTO FUNCTION file('{output}/{{_partition_id}}.parquet', 'Parquet') PARTITION BY formatDateTime(time, '%Y%m%d%H') "
        f"SELECT * FROM file('{folder}/*.csv*', 'CSVWithNames', '{spelled}') SETTINGS {settings}")


def polars(columns, folder, output, _binary):
    import polars as library
    types = {"timestamp": library.String, "string": library.String, "long": library.Int64, "double": library.Float64}
    time_column = library.col("time").str.to_datetime(f"{TIME_FORMAT}%.fZ", time_unit="us")
    rows = library.scan_csv(f"{folder}/*.csv*", schema={name: types[kind] for name, kind in columns}).with_columns(time_column).collect()
    for (hour,), part in rows.group_by(library.col("time").dt.truncate("1h")):
        part.write_parquet(output / f"{hour:%Y%m%d%H}.parquet", compression="snappy")


ENGINES = {"bucketload": bucketload, "duckdb": duckdb, "clickhouse": clickhouse, "polars": polars}


# --- How it is measured ---------------------------------------------------------------------------------------------------------------


def run(engine, shape, folder, output, binary):
    """Wall and CPU seconds, peak MB and written rows of one run; `None` if it failed."""
    shutil.rmtree(output, ignore_errors=True)
    output.mkdir(parents=True)
    with open(output / "log", "wb") as log:
        began = time.monotonic()
        command = [sys.executable, __file__, "--run", engine, shape, str(folder), str(output), "--bucketload", binary]
        process = subprocess.Popen(command, stdout=log, stderr=log)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        return None
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss // 1024, num_rows(output)


def num_rows(output):
    import polars as library
    files = [path for path in output.rglob("*.parquet") if "__files" not in str(path)]
    return library.scan_parquet(files, hive_partitioning=False).select(library.len()).collect().item()


def measure(shape, engines, arguments):
    folder = arguments.folder / shape
    expected = make(shape, folder, arguments.scale)
    for path in folder.iterdir():
        path.read_bytes()
    runs = {engine: [] for engine in engines}
    for _, engine in itertools.product(range(arguments.runs), engines):
        if runs[engine] is None:
            continue
        measured = run(engine, shape, folder, arguments.folder / "output", arguments.bucketload)
        if measured is None or measured[3] != expected:
            runs[engine] = None
        else:
            runs[engine].append(measured)
    return {engine: [statistics.median(column) for column in zip(*measured)] for engine, measured in runs.items() if measured}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--shapes", default=",".join(SHAPES), help="of " + ", ".join(SHAPES))
    parser.add_argument("--engines", default=",".join(ENGINES), help="of " + ", ".join(ENGINES))
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--scale", type=float, default=1.0, help="how many times the data")
    parser.add_argument("--folder", type=pathlib.Path, default=pathlib.Path("/tmp/bucketload-peers"), help="for files and tables")
    parser.add_argument("--bucketload", default=str(REPOSITORY / "target/release/bucketload"), help="the program")
    parser.add_argument("--run", nargs=4, metavar=("ENGINE", "SHAPE", "FOLDER", "OUTPUT"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.run:
        engine, shape, folder, output = arguments.run
        ENGINES[engine](SHAPES[shape][0], folder, pathlib.Path(output), arguments.bucketload)
        return
    print("| shape | " + " | ".join(f"{engine}: s / CPU s / MB" for engine in arguments.engines.split(",")) + " | best peer / bucketload |")
    print("|---" * (len(arguments.engines.split(",")) + 2) + "|")
    for shape in arguments.shapes.split(","):
        medians = measure(shape, arguments.engines.split(","), arguments)
        cells = [f"{m[0]:.1f} / {m[1]:.1f} / {m[2]:.0f}" if (m := medians.get(engine)) else "-" for engine in arguments.engines.split(",")]
        peers = [m[0] for engine, m in medians.items() if engine != "bucketload"]
        ratio = f"{min(peers) / medians['bucketload'][0]:.1f}" if peers and "bucketload" in medians else "-"
        print(f"| {shape} | " + " | ".join(cells) + f" | {ratio} |", flush=True)


if __name__ == "__main__":
    main()
