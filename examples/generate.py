#!/usr/bin/env python3
"""Makes the example data: the same files every time, with nothing but the standard library.

    python3 examples/generate.py            writes the files beside this script
    python3 examples/generate.py --check    compares their contents with what is there, writes nothing

Either way the figures that README.md and tests/it/examples.rs state are printed. Compressed bytes may differ between builds
of zlib and bzip2; what they decompress to does not, and that is what `--check` compares.
"""

import bz2
import datetime
import gzip
import io
import json
import pathlib
import random
import struct
import sys
import zipfile

SEED = 20261120
HERE = pathlib.Path(__file__).resolve().parent
UTC = datetime.timezone.utc
START = datetime.datetime(2026, 11, 20, tzinfo=UTC)

AGENTS = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15",
    "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
    'Feed "Reader" 2.1, +https://reader.example/about',
    "curl/8.11.0",
]
PATHS = [
    "/", "/index.html", "/products", "/products/1042", "/products/2077?ref=mail", "/cart", "/checkout", "/search?q=desk,lamp",
    "/static/app.js", "/static/site.css", "/images/hero.webp", "/api/v1/stock", "/feed.xml",
]
REFERERS = ["", "", "", "https://www.example.com/", "https://search.example/?q=lamp", "https://www.example.com/products"]
METHODS = ["GET"] * 8 + ["POST", "HEAD"]
STATUSES = [200] * 14 + [304] * 3 + [301, 404, 404, 500]


class Dice:
    """Numbers from `random.random` alone, whose sequence Python promises to keep."""

    def __init__(self, name):
        self.random = random.Random(f"{SEED}/{name}").random

    def below(self, limit):
        return int(self.random() * limit)

    def between(self, low, high):
        return low + self.below(high - low + 1)

    def pick(self, choices):
        return choices[self.below(len(choices))]


def iso(moment, digits=3):
    text = moment.strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{moment.microsecond // 1000:03d}Z" if digits else f"{text}Z"


def field(text):
    """A CSV field as RFC 4180 writes it."""
    text = str(text)
    return '"' + text.replace('"', '""') + '"' if any(character in text for character in ',"\n') else text


def gz(data):
    buffer = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", fileobj=buffer, compresslevel=9, mtime=0) as file:
        file.write(data)
    return buffer.getvalue()


def zstd_stored(data):
    """A zstd frame of stored blocks: no compression, which the format allows (RFC 8878, sections 3.1.1.1 and 3.1.1.2)."""
    frame = struct.pack("<I", 0xFD2FB528)
    frame += bytes([0b1010_0000]) + struct.pack("<I", len(data))  # one segment, content size in 4 bytes, no checksum
    block = 100_000
    for begin in range(0, len(data), block):
        piece = data[begin : begin + block]
        is_last = begin + block >= len(data)
        frame += struct.pack("<I", len(piece) << 3 | is_last)[:3] + piece
    return frame


def unzstd_stored(frame):
    data, at = b"", 9
    while True:
        header = int.from_bytes(frame[at : at + 3], "little")
        data += frame[at + 3 : at + 3 + (header >> 3)]
        at += 3 + (header >> 3)
        if header & 1:
            return data


def zip_of(entries):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries:
            info = zipfile.ZipInfo(name, (2026, 11, 20, 0, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, data)
    return buffer.getvalue()


def access_logs(files, figures):
    """26 hours of a web server, one file an hour. Seven records in three files cannot be read."""
    broken = {
        5: {40: "too few", 41: "text as bytes", 200: "hour 25"},
        13: {7: "too many", 150: "text as status"},
        20: {90: "no time", 91: "too few"},
    }
    rows = statuses_304 = sum_bytes = 0
    ips = set()
    for index in range(26):
        dice = Dice(f"access-logs/{index}")
        hour = START + datetime.timedelta(hours=index)
        count = dice.between(285, 315)
        moments = sorted(dice.below(3_600_000) for _ in range(count))
        lines = ["time,ip,method,path,status,bytes,referer,user_agent,duration"]
        for row, millis in enumerate(moments):
            status = dice.pick(STATUSES)
            size = 0 if status in (301, 304) else dice.between(180, 90_000)
            record = [
                iso(hour + datetime.timedelta(milliseconds=millis)),
                f"{dice.pick(['203.0.113', '198.51.100', '192.0.2'])}.{dice.between(1, 60)}",
                dice.pick(METHODS),
                dice.pick(PATHS),
                status,
                size,
                dice.pick(REFERERS),
                dice.pick(AGENTS),
                f"{dice.below(2500) / 1000 + 0.001:.3f}",
            ]
            fault = broken.get(index, {}).get(row)
            if fault is None:
                rows += 1
                ips.add(record[1])
                statuses_304 += status == 304
                sum_bytes += size
            elif fault == "too few":
                record = record[:5]
            elif fault == "too many":
                record.append("surplus")
            elif fault == "text as bytes":
                record[5] = "n/a"
            elif fault == "text as status":
                record[4] = "OK"
            elif fault == "hour 25":
                record[0] = record[0][:11] + "25" + record[0][13:]
            elif fault == "no time":
                record[0] = "yesterday"
            lines.append(",".join(field(cell) for cell in record))
        files[f"access-logs/web/{hour:%Y-%m-%d-%H}.csv.gz"] = gz(("\n".join(lines) + "\n").encode())
    figures["access-logs"] = {
        "files": 26,
        "rows": rows,
        "rejects": sum(len(faults) for faults in broken.values()),
        "rows with status 304": statuses_304,
        "sum of bytes": sum_bytes,
        "distinct ip": len(ips),
    }


def cloudfront(files, figures):
    """Access logs as a content network writes them: tabs, two comment lines, `-` for nothing, date and time apart."""
    names = (
        "date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer) cs(User-Agent) "
        "cs-uri-query x-edge-result-type time-taken"
    )
    rows = sum_bytes = without_query = 0
    for index in range(4):
        dice = Dice(f"cloudfront/{index}")
        hour = START + datetime.timedelta(hours=6 * index)
        lines = ["#Version: 1.0", f"#Fields: {names}"]
        for second in sorted(dice.below(3600) for _ in range(150)):
            moment = hour + datetime.timedelta(seconds=second)
            size = dice.between(300, 500_000)
            query = dice.pick(["-", "-", "-", "w=640", "w=1280&q=80"])
            lines.append(
                "\t".join(
                    [
                        f"{moment:%Y-%m-%d}",
                        f"{moment:%H:%M:%S}",
                        dice.pick(["NRT57-P2", "FRA60-P1", "IAD89-C1"]),
                        str(size),
                        f"198.51.100.{dice.between(1, 200)}",
                        dice.pick(METHODS),
                        "d111111abcdef8.cloudfront.net",
                        dice.pick(["/images/hero.webp", "/static/app.js", "/static/site.css", "/favicon.ico"]),
                        str(dice.pick([200, 200, 200, 206, 304, 403])),
                        dice.pick(["-", "https://www.example.com/"]),
                        dice.pick(AGENTS).replace(" ", "%20").replace('"', "%22"),
                        query,
                        dice.pick(["Hit", "Miss", "RefreshHit", "Error"]),
                        f"{dice.below(900) / 1000 + 0.001:.3f}",
                    ]
                )
            )
            rows += 1
            sum_bytes += size
            without_query += query == "-"
        name = f"cloudfront/logs/E2EXAMPLE1.{hour:%Y-%m-%d-%H}.{dice.below(1 << 32):08x}.gz"
        files[name] = gz(("\n".join(lines) + "\n").encode())
    figures["cloudfront"] = {
        "files": 4,
        "rows": rows,
        "sum of bytes": sum_bytes,
        "rows without a query": without_query,
    }


def events(files, figures):
    """Events of a shop, one JSON object a line, nested; some have no user, some no items."""
    identity = without_user = sum_items = 0
    amount_cents = 0
    for index, count in enumerate([170, 180, 150]):
        dice = Dice(f"events/{index}")
        lines = []
        moment = START + datetime.timedelta(days=index)
        for _ in range(count):
            identity += 1
            moment += datetime.timedelta(milliseconds=dice.between(5_000, 300_000))
            items = [
                {"sku": f"L-{dice.between(100, 140)}", "quantity": dice.between(1, 4), "price": dice.between(199, 9999) / 100}
                for _ in range(dice.below(4))
            ]
            event = {"id": identity, "at": iso(moment), "type": dice.pick(["view", "view", "cart", "purchase"])}
            if dice.below(10) == 0:
                without_user += 1
            else:
                event["user"] = {
                    "id": dice.between(1, 90),
                    "name": dice.pick(["Ana", "José", "Mei", "O'Neil", 'Max "Speedy" Roe', "渡辺"]),
                    "address": {"country": dice.pick(["JP", "DE", "BR", "US"]), "city": dice.pick(["Tokyo", "Berlin", None])},
                    "is_member": dice.pick([True, False]),
                }
            cents = sum(item["quantity"] * round(item["price"] * 100) for item in items)
            amount_cents += cents
            event["amount"] = cents / 100
            event["items"] = items
            sum_items += len(items)
            lines.append(json.dumps(event, ensure_ascii=False, separators=(",", ":")))
        day = START + datetime.timedelta(days=index)
        files[f"events/logs/{day:%Y-%m-%d}.jsonl.gz"] = gz(("\n".join(lines) + "\n").encode())
    figures["events"] = {
        "files": 3,
        "rows": identity,
        "rows without a user": without_user,
        "items": sum_items,
        "sum of amount in cents": amount_cents,
    }


def mixed(files, figures):
    """The same small CSV in five wrappings, one of them an archive of two files."""
    identity = 0
    sum_tenths = 0

    def table(name, count):
        nonlocal identity, sum_tenths
        dice = Dice(f"mixed/{name}")
        lines = ["id,time,station,temperature"]
        for _ in range(count):
            moment = START + datetime.timedelta(minutes=10 * identity)
            identity += 1
            tenths = dice.between(-80, 240)
            sum_tenths += tenths
            station = dice.pick(["Harbour", "Hill, north", "Old Town"])
            lines.append(f"{identity},{iso(moment, 0)},{field(station)},{tenths / 10}")
        return ("\n".join(lines) + "\n").encode()

    files["mixed/data/a.csv"] = table("a", 40)
    files["mixed/data/b.csv.gz"] = gz(table("b", 40))
    files["mixed/data/c.csv.bz2"] = bz2.compress(table("c", 40))
    files["mixed/data/d.csv.zst"] = zstd_stored(table("d", 40))
    files["mixed/data/e.zip"] = zip_of([("e1.csv", table("e1", 25)), ("e2.csv", table("e2", 15))])
    figures["mixed"] = {"files": 5, "rows": identity, "sum of tenths of a degree": sum_tenths}


def contents(name, data):
    """What is compared: the decompressed bytes."""
    if name.endswith(".gz"):
        return gzip.decompress(data)
    if name.endswith(".bz2"):
        return bz2.decompress(data)
    if name.endswith(".zst"):
        return unzstd_stored(data)
    if name.endswith(".zip"):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return [(entry, archive.read(entry)) for entry in archive.namelist()]
    return data


def main(arguments):
    if arguments not in ([], ["--check"]):
        sys.exit(__doc__)
    files, figures = {}, {}
    for make in (access_logs, cloudfront, events, mixed):
        make(files, figures)
    folders = sorted({str(pathlib.PurePosixPath(name).parent) for name in files})
    there = {str(path.relative_to(HERE)) for folder in folders for path in (HERE / folder).glob("*")}
    if arguments:
        wrong = sorted(there ^ set(files))
        for name, data in files.items():
            if name in there and contents(name, data) != contents(name, (HERE / name).read_bytes()):
                wrong.append(name)
        if wrong:
            sys.exit("not what generate.py makes: " + ", ".join(wrong))
    else:
        for name in there - set(files):
            (HERE / name).unlink()
        for name, data in files.items():
            path = HERE / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main(sys.argv[1:])
