import threading

import numpy as np
import pytest

from suite.data.row_file import RowFile

ROWS = np.random.default_rng(0).normal(size=(7, 3, 2)).astype(np.float32)


@pytest.fixture(params=["named", "temporary"])
def file(request, tmp_path):
    if request.param == "named":
        return RowFile.create(tmp_path / "rows.npy", ROWS.shape, ROWS.dtype)
    return RowFile.temporary(ROWS.shape, ROWS.dtype, tmp_path)


def test_it_reads_like_an_array(file):
    file.write(4, ROWS[4:])
    file.write(0, ROWS[:4])
    assert len(file) == 7 and file.shape == ROWS.shape and file.dtype == np.float32 and file.ndim == 3
    for rows in (slice(None), slice(2, 5), slice(5, 99), slice(3, 3), slice(-2, None), 0, -1, [5, 0, 5]):
        np.testing.assert_array_equal(file[rows], ROWS[rows])
    np.testing.assert_array_equal(np.asarray(file), ROWS)
    np.testing.assert_array_equal(list(file), ROWS)
    with pytest.raises(IndexError, match="expected a row below 7, received 7"):
        file[7]


def test_it_is_a_npy_file(tmp_path):
    RowFile.create(tmp_path / "rows.npy", ROWS.shape, ROWS.dtype).write(0, ROWS)
    np.testing.assert_array_equal(np.load(tmp_path / "rows.npy"), ROWS)
    np.save(tmp_path / "other.npy", ROWS.astype(np.int16))
    np.testing.assert_array_equal(RowFile.open(tmp_path / "other.npy")[1:3], ROWS.astype(np.int16)[1:3])


def test_it_tells_how_far_it_was_written(tmp_path):
    file = RowFile.create(tmp_path / "rows.npy", ROWS.shape, ROWS.dtype)
    assert file.written() == 0
    file.write(0, ROWS[:3])
    with open(file.path, "ab") as cut:
        cut.write(b"half")  # a row that was being written when the process was killed
    again = RowFile.open(file.path)
    assert again.written() == 3
    with pytest.raises(EOFError, match="expected 7 rows, received 3"):
        again[2:4]
    again.write(3, ROWS[3:])
    assert again.written() == 7
    np.testing.assert_array_equal(again[:], ROWS)


def test_a_temporary_file_leaves_nothing(tmp_path):
    RowFile.temporary(ROWS.shape, ROWS.dtype, tmp_path).write(0, ROWS)
    assert not list(tmp_path.iterdir())


def test_threads_write_and_read_at_once(tmp_path):
    file = RowFile.temporary((64, 1000), np.int32, tmp_path)
    wrong = []

    def work(first):
        for row in range(first, 64, 4):
            file.write(row, np.full((1, 1000), row, np.int32))
            if (file[row] != row).any():
                wrong.append(row)

    threads = [threading.Thread(target=work, args=(first,)) for first in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong and (file[:] == np.arange(64)[:, None]).all()


def test_other_files_are_refused(tmp_path):
    (tmp_path / "text.npy").write_text("no array")
    np.save(tmp_path / "columns.npy", np.asfortranarray(ROWS[0]))
    np.save(tmp_path / "number.npy", np.float32(1))
    for name, message in (("text", "expected a .npy file"), ("columns", "columns"), ("number", "float32")):
        with pytest.raises(ValueError, match=message):
            RowFile.open(tmp_path / f"{name}.npy")
