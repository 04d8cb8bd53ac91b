"""Files as nobody should write them: whole ones with a few things gone wrong.

Everything is drawn from a seed: the same seed gives the same file.
"""

import csv
import io
import json
import random
from collections.abc import Callable, Iterator, Sequence

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

Row = dict[str, object]
Writer = Callable[[Sequence[object]], bytes]

# What stands where a text or a number should.
ODD: tuple[object, ...] = (
    None, True, 0, -1, 1.5, 10**400, float("inf"), float("nan"), "", " ", "\ud800",
    "a\x00b", "\u202e", "=1+1", "x" * 5000, [], {}, [[]], ["a", 1, None], {"a": {}},
    "en", "zh", "xx", "../../etc/passwd", "<script>", "日本",
)  # fmt: skip
DEEP = (b"[" * 3000, b'{"a":' * 2000, b"9" * 5000, b"\xff\xfe", b"\x00" * 9)


def odd_row(row: Row, random_: random.Random) -> object:
    """Return a row with a field changed, renamed or dropped, or no row at all."""
    name, odd = random_.choice(list(row)), random_.choice(ODD)
    rest = {key: value for key, value in row.items() if key != name}
    return random_.choice(
        [
            odd,
            rest,
            {**rest, str(odd)[:50]: row[name]},
            {**rest, name: [row[name], odd]},
            {**rest, name: {"role": odd, "content": row[name]}},
            {**rest, name: odd},
            {**rest, name: odd},
        ]
    )


def odd_bytes(content: bytes, random_: random.Random) -> bytes:
    """Return a content cut off, with something put in, or with bytes changed."""
    place = random_.randrange(len(content) + 1)
    deed = random_.randrange(3)
    if deed == 0:
        return content[:place]
    if deed == 1:
        return content[:place] + random_.choice(DEEP) + content[place:]
    changed = bytearray(content)
    for _ in range(random_.randrange(1, 20) if changed else 0):
        changed[random_.randrange(len(changed))] = random_.randrange(256)
    return bytes(changed)


def as_lines(rows: Sequence[object]) -> bytes:
    """Return rows as JSON lines; half a character stays an escape."""
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def as_list(rows: Sequence[object]) -> bytes:
    """Return rows as a JSON list."""
    return json.dumps(list(rows)).encode()


def as_object(rows: Sequence[object]) -> bytes:
    """Return the first row as a JSON object."""
    return json.dumps(rows[0]).encode()


def as_yaml(rows: Sequence[object]) -> bytes:
    """Return the first row as YAML."""
    return str(yaml.safe_dump(rows[0])).encode("utf-8", "replace")


def as_csv(rows: Sequence[object]) -> bytes:
    """Return rows as CSV, with the first row's names."""
    names = list(rows[0]) if isinstance(rows[0], dict) else ["question"]
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(names)
    for row in rows:
        cells = list(row.values()) if isinstance(row, dict) else [row]
        writer.writerow([str(cell) for cell in cells])
    return out.getvalue().encode("utf-8", "surrogatepass")


def as_parquet(rows: Sequence[object]) -> bytes:
    """Return rows as Parquet where Arrow takes them, else the last ones it takes."""
    objects = [row for row in rows if isinstance(row, dict)]
    for kept in (objects, objects[:1], []):
        sink = io.BytesIO()
        try:
            pq.write_table(pa.Table.from_pylist(kept), sink)
        except (pa.ArrowException, OverflowError, TypeError, ValueError):
            continue
        return sink.getvalue()
    return b""


def damaged(
    rows: Sequence[Row], writer: Writer, numbers: Iterator[int] | range, seed: str
) -> Iterator[tuple[int, bytes]]:
    """Yield (number, content): the rows as a file, each time gone wrong otherwise.

    The first row of rows is left as it is where there are several.
    """
    for number in numbers:
        random_ = random.Random(f"{seed} {number}")
        given: list[object] = [dict(row) for row in rows]
        is_changed = random_.random() < 0.6
        if is_changed:
            place = random_.randrange(min(1, len(rows) - 1), len(rows))
            given[place] = odd_row(rows[place], random_)
        content = writer(given)
        if not is_changed or random_.random() < 0.4:
            content = odd_bytes(content, random_)
        yield number, content
