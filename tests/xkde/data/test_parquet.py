"""A Parquet file is judged by what it says of itself before it is read."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from xkde.data.parquet import _longest_value, read_parquet
from xkde.data.preferences.opening import MOST_ROWS, open_pairs
from xkde.errors import DataError

TABLE = pa.table(
    {
        "text": ["大阪", None, "b"],
        "turns": [[{"role": "user", "content": "a"}], [], None],
        "number": [1, 2, 3],
        "of_few": pa.array(["x", "y", "x"]).dictionary_encode(),
    }
)


def test_a_table_comes_back_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "a.parquet"
    pq.write_table(TABLE.replace_schema_metadata({"a": "b"}), file)
    table = read_parquet(file)
    assert table.to_pylist() == TABLE.to_pylist()
    assert table.schema.metadata[b"a"] == b"b"
    assert table.schema.field("of_few").type == pa.string()
    assert read_parquet(file, ["number", "none"]).column_names == ["number"]


def bomb(file: Path, rows: int, letters: int, dictionary: bool) -> int:
    """Write one text again and again; return how many bytes the file has."""
    text = pa.array(["x" * letters])
    column = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), text)
    names = dict.fromkeys(("prompt", "chosen", "rejected"), column)
    schema = None if dictionary else pa.schema([(n, pa.string()) for n in names])
    with pq.ParquetWriter(
        file, schema or pa.table(names).schema, compression="zstd"
    ) as writer:
        for _ in range(1 if dictionary else 4):
            part = pa.table({n: c.slice(0, rows if dictionary else rows // 4)
                             for n, c in names.items()})  # fmt: skip
            writer.write_table(part if dictionary else part.cast(schema))
    return file.stat().st_size


@pytest.mark.parametrize("dictionary", [True, False])
def test_a_bomb_is_refused_before_it_goes_off(tmp_path: Path, dictionary: bool) -> None:
    file = tmp_path / "bomb.parquet"
    assert bomb(file, 4000, 5000, dictionary) < 100_000  # 60 MB are in it
    before = pa.total_allocated_bytes()
    with pytest.raises(DataError, match=r"takes \d+ MB in memory; at most 20 are"):
        read_parquet(file, most_bytes=20 * 2**20)
    assert pa.total_allocated_bytes() - before < 2**20
    assert read_parquet(file).num_rows == 4000


def test_too_many_rows_are_refused_by_the_footer(tmp_path: Path) -> None:
    file = tmp_path / "long.parquet"
    pq.write_table(pa.table({"prompt": pa.nulls(MOST_ROWS + 1, pa.string())}), file)
    with pytest.raises(DataError, match="500,001 rows; at most 500,000 are read"):
        open_pairs(file)


def test_a_bomb_of_lists_is_refused_by_its_batches(tmp_path: Path) -> None:
    file = tmp_path / "lists.parquet"
    pq.write_table(pa.table({"turns": [["y" * 10_000]] * 3000}), file)
    assert file.stat().st_size < 100_000
    with pytest.raises(DataError, match="in memory; at most 5 are"):
        read_parquet(file, most_bytes=5 * 2**20)


def test_damage_is_said(tmp_path: Path) -> None:
    file = tmp_path / "a.parquet"
    pq.write_table(TABLE, file)
    whole = file.read_bytes()
    for content in (b"", whole[:40], whole[:-1], whole[:-9] + b"\xff" * 9, b"PAR1"):
        file.write_bytes(content)
        with pytest.raises(DataError, match="no whole Parquet file"):
            read_parquet(file)


def test_numbers_beside_long_texts_are_read_in_few_batches(tmp_path: Path) -> None:
    rows = {"text": ["x" * 100_000, *"ab"], "number": [1, 2, 3], "list": [[1], [], [2]]}
    pq.write_table(pa.table(rows), tmp_path / "a.parquet")
    with pq.ParquetFile(tmp_path / "a.parquet") as opened:
        assert _longest_value(opened, "number") == 9
        assert 0 < _longest_value(opened, "list") < 1_000
    read = read_parquet(tmp_path / "a.parquet", most_bytes=200_000)
    assert read.to_pydict() == rows
