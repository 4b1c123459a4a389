from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.errors import LayoutError
from components.tables import ROWS_AT_ONCE, read_batches, read_table, write_rows

SCHEMA = pa.schema([("name", pa.string()), ("number", pa.int64())])


def rows(count: int) -> list[dict[str, object]]:
    return [{"name": f"row {number}", "number": number} for number in range(count)]


@pytest.mark.parametrize("count", [0, 1, ROWS_AT_ONCE, ROWS_AT_ONCE + 1, 3 * ROWS_AT_ONCE])
def test_rows_come_back_a_group_at_a_time(tmp_path: Path, count: int) -> None:
    write_rows(tmp_path / "table", iter(rows(count)), SCHEMA)
    with pq.ParquetFile(tmp_path / "table") as file:
        batches = list(read_batches(file))
        assert [batch.num_rows for batch in batches] == [
            min(ROWS_AT_ONCE, count - at) for at in range(0, count, ROWS_AT_ONCE)
        ]
        assert [row for batch in batches for row in batch.to_pylist()] == rows(count)
        assert [n for batch in read_batches(file, columns=["number"]) for n in batch["number"].to_pylist()] == list(
            range(count)
        )


def test_bytes_follow_from_the_rows(tmp_path: Path) -> None:
    write_rows(tmp_path / "one", rows(2500), SCHEMA)
    write_rows(tmp_path / "other", iter(rows(2500)), SCHEMA)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()


def test_an_existing_reader_reads_it_whole(tmp_path: Path) -> None:
    write_rows(tmp_path / "table", rows(2500), SCHEMA)
    assert pq.read_table(tmp_path / "table").to_pylist() == rows(2500)


def test_a_stage_s_table_is_read_in_part(tmp_path: Path) -> None:
    write_rows(tmp_path / "table", rows(5), SCHEMA)
    found = read_table(tmp_path / "table", stage="split", columns=["number"], equal=("name", "row 3"))
    assert found.to_dict("list") == {"number": [3]}
    assert len(read_table(tmp_path / "table", stage="split")) == 5


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_a_table_that_is_cut_is_told_with_the_stage_that_makes_it(tmp_path: Path, share: float) -> None:
    write_rows(tmp_path / "table", rows(5), SCHEMA)
    data = (tmp_path / "table").read_bytes()
    (tmp_path / "table").write_bytes(data[: int(share * len(data))])
    with pytest.raises(LayoutError, match="can't be read") as told:
        read_table(tmp_path / "table", stage="validate_internal")
    assert "dvc repro validate_internal" in told.value.remedy


def test_a_table_without_a_column_is_told(tmp_path: Path) -> None:
    write_rows(tmp_path / "table", rows(5), SCHEMA)
    with pytest.raises(LayoutError, match="can't be read"):
        read_table(tmp_path / "table", stage="split", equal=("model_digest", "a"))
    with pytest.raises(LayoutError, match="can't be read"):
        read_table(tmp_path / "missing", stage="split")
