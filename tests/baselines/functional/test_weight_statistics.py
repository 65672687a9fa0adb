import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baselines.functional import weight_statistics as module
from baselines.functional.weight_statistics import STATISTICS, statistics, table_of_rows


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 5), st.integers(1, 40), st.integers(0, 1000))
def test_they_are_numpys(rows, columns, seed):
    weights = np.random.default_rng(seed).standard_normal((rows, columns)).astype(np.float32)
    found = statistics(weights)
    exact = weights.astype(np.float64)
    wanted = [exact.mean(1), exact.var(1)]
    wanted += [np.quantile(exact, q, axis=1) for q in (0, 0.25, 0.5, 0.75, 1)]
    np.testing.assert_allclose(found, np.stack(wanted, axis=1), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("mode", ["r", "c", "r+"])
def test_a_file_gives_what_the_matrix_gives_block_by_block(mode, tmp_path, monkeypatch):
    matrix = np.random.default_rng(0).standard_normal((23, 10)).astype(np.float32)
    np.save(tmp_path / "weights.npy", matrix)
    places = {"kernel": (3, 10), "bias": (0, 3)}
    names, whole = table_of_rows(matrix, places)
    assert names[0] == "kernel.mean"
    assert len(names) == 2 * len(STATISTICS)
    monkeypatch.setattr(module, "BLOCK_BYTES", 5 * 80)
    stored = np.load(tmp_path / "weights.npy", mmap_mode=mode)
    if mode == "c":
        stored[0, 4] = 100.0
        whole = table_of_rows(np.array(stored), places)[1]
    np.testing.assert_array_equal(table_of_rows(stored, places)[1], whole)
    if mode == "c":
        assert stored[0, 4] == 100.0
