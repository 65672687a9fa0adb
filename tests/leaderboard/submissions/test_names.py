import pytest

from demogen.errors import SubmissionError
from leaderboard.submissions.names import check_name, look_alike

KNOWN = ["normalized-loss", "normalized-loss(p=1)", "unit-sparsity", "unit-sparsity-kappa"]


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("Normalized-Loss", "normalized-loss"),
        ("normalized-loss(p=l)", "normalized-loss(p=1)"),
        ("normalized-loss(p=\u0661)", "normalized-loss(p=1)"),
        ("Normalized-loss(p=7)", "normalized-loss"),
        ("unit-sparsity\uff08p=1\uff09", "unit-sparsity"),
        ("unit-sparsity", None),
        ("unit-sparsity(p=1)", None),
        ("unit-sparsity(p=2)", None),
        ("unit-sparsity-zeta", None),
        ("something-else", None),
    ],
)
def test_a_name_with_parameters_belongs_to_the_one_before_the_bracket(name, other):
    assert look_alike(name, KNOWN) == other


@pytest.mark.parametrize("name", ["", " ", "x ", "x\u200b", "\u115f", "-"])
def test_a_name_shows_all_its_signs(name):
    with pytest.raises(SubmissionError, match="holds signs that show nothing"):
        check_name(name, [])


def test_a_name_of_its_own_passes():
    check_name("mein-maß", KNOWN)
    check_name("unit-sparsity", KNOWN)
