"""Parquet files of anybody, judged by what they say of themselves before they are read.

A few kilobytes may stand for gigabytes: one long text, a million times. So rows and
uncompressed bytes are read from the footer first, texts are read as dictionaries, whose
whole size is known before any is written out, and nested columns come in small batches.
"""

from collections.abc import Collection
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from xkde.errors import DataError

MOST_ROWS = 5_000_000
MOST_BYTES = 2**31  # of a table in memory
# Arrow says of a damaged file either; a text that is no UTF-8 is a ValueError.
DAMAGED = (OSError, ValueError, KeyError, MemoryError, pa.ArrowException)


def read_parquet(
    path: Path,
    columns: Collection[str] | None = None,
    *,
    most_rows: int = MOST_ROWS,
    most_bytes: int = MOST_BYTES,
) -> pa.Table:
    """Read a file; of ``columns`` those that are there, all where none is named.

    Raises DataError for what is no whole Parquet file, or more than may be read.
    """
    try:
        with pq.ParquetFile(path) as opened:
            _refuse_bombs(path, opened, most_rows, most_bytes)
            names = [
                name
                for name in opened.schema_arrow.names
                if columns is None or name in columns
            ]
            kinds = {name: opened.schema_arrow.field(name).type for name in names}
            texts = {n: kind for n in names if (kind := _text(kinds[n])) is not None}
            rest = [name for name in names if name not in texts]
            others = _in_batches(path, opened, rest, most_bytes)
        with pq.ParquetFile(path, read_dictionary=list(texts)) as opened:
            read = opened.read(columns=list(texts))
            written_out = sum(_length(read[name]) for name in texts)
            if written_out > most_bytes:
                raise _too_much(path, written_out, most_bytes)
            table = pa.table(
                {
                    name: read[name].cast(texts[name])
                    if name in texts
                    else others[name]
                    for name in names
                }
            )
        table.validate(full=True)
        return table.replace_schema_metadata(opened.schema_arrow.metadata)
    except (FileNotFoundError, PermissionError, IsADirectoryError) as error:
        raise DataError(
            "{name} cannot be read. Check its name.", name=path.name
        ) from error
    except DAMAGED as error:
        raise DataError(
            "{name} is no whole Parquet file. Copy it anew.", name=path.name
        ) from error


def _refuse_bombs(
    path: Path, opened: pq.ParquetFile, most_rows: int, most_bytes: int
) -> None:
    about = opened.metadata
    if about.num_rows > most_rows:
        raise DataError(
            "{name} has {rows:,} rows; at most {most:,} are read. Give a part of it.",
            name=path.name,
            rows=about.num_rows,
            most=most_rows,
        )
    size = sum(about.row_group(i).total_byte_size for i in range(about.num_row_groups))
    if size > most_bytes:
        raise _too_much(path, size, most_bytes)


def _too_much(path: Path, size: int, most: int) -> DataError:
    return DataError(
        "{name} takes {size:,} MB in memory; at most {most:,} are read. Give a part "
        "of it.",
        name=path.name,
        size=size // 2**20,
        most=most // 2**20,
    )


def _text(kind: pa.DataType) -> pa.DataType | None:
    """Return the plain type of a column of texts, None for any other column."""
    plain = kind.value_type if pa.types.is_dictionary(kind) else kind
    is_text = pa.types.is_string(plain) or pa.types.is_large_string(plain)
    return plain if is_text else None


def _length(column: pa.ChunkedArray) -> int:
    """Return how many bytes a column of dictionaries has as plain texts."""
    total = 0
    for chunk in column.chunks:
        lengths = pc.binary_length(chunk.dictionary).take(chunk.indices)
        total += pc.sum(lengths.cast(pa.int64())).as_py() or 0
    return total


def _in_batches(
    path: Path, opened: pq.ParquetFile, names: list[str], most_bytes: int
) -> pa.Table:
    """Read columns that are no texts; no batch can be larger than all may be."""
    if not names:
        return pa.table({})
    for name in names:
        kind = opened.schema_arrow.field(name).type
        if "dictionary<" in str(kind):  # within a list: its size cannot be known
            raise DataError(
                "{name} has a column of a kind that is not read: {column}, {kind}.",
                name=path.name,
                column=name,
                kind=str(kind)[:100],
            )
    widest = sum(_longest_value(opened, name) for name in names)
    rows = max(1, min(65_536, most_bytes // max(1, widest)))
    read, size = [], 0
    for batch in opened.iter_batches(rows, columns=names):
        size += batch.nbytes
        if size > most_bytes:
            raise _too_much(path, size, most_bytes)
        read.append(batch)
    schema = pa.schema([opened.schema_arrow.field(name) for name in names])
    return pa.Table.from_batches(read, schema)


def _longest_value(opened: pq.ParquetFile, name: str) -> int:
    """Return how many bytes a value of a column takes at most.

    Where its type does not say so: all of its column in a part of the file.
    """
    try:
        width: int = opened.schema_arrow.field(name).type.bit_width
        return width // 8 + 1
    except ValueError:  # a list, say
        about, sizes = opened.metadata, [0]
        for i in range(about.num_row_groups):
            group = about.row_group(i)
            parts = [group.column(j) for j in range(about.num_columns)]
            sizes.append(
                sum(
                    part.total_uncompressed_size
                    for part in parts
                    if f"{part.path_in_schema}.".startswith(f"{name}.")
                )
            )
        return max(sizes)
