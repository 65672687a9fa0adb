import pytest
import torch

from demogen.measuring.rows import Rows


@pytest.mark.parametrize("expected", [None, 3, 20])
def test_rows_are_those_of_all_parts_in_order(expected):
    parts = [torch.randn(size, 2, dtype=torch.float64) for size in (3, 1, 0, 9000, 7)]
    rows = Rows(expected)
    for part in parts:
        rows.append(part)
    assert torch.equal(rows.all(), torch.cat(parts))
    assert rows.all().dtype == torch.float64


def test_what_a_part_becomes_later_does_not_matter():
    rows, part = Rows(), torch.zeros(2)
    rows.append(part)
    part += 1
    assert rows.all().tolist() == [0, 0]


def test_no_rows_are_an_error():
    with pytest.raises(ValueError, match="no rows"):
        Rows().all()


@pytest.mark.parametrize(
    "part", [torch.ones(2, 1), torch.ones(2), torch.ones(2, 3, dtype=torch.float64)]
)
def test_rows_of_another_kind_are_refused_and_change_nothing(part):
    rows = Rows()
    rows.append(torch.zeros(2, 3))
    with pytest.raises(ValueError, match="do not go with those before, of shape .3,. and torch.f"):
        rows.append(part)
    assert torch.equal(rows.all(), torch.zeros(2, 3))
