import pytest

from demogen.errors import SubmissionError
from leaderboard.submissions.rerun_cost import check_cost


@pytest.fixture(scope="module")
def result(results):
    return results[0]


def claiming(result, seconds, epochs):
    return result.model_copy(update={"seconds": seconds, "epochs": epochs})


ONE_SECOND = {"a": 0.9, "b": 1.0, "c": 7.0}
HALF_AN_EPOCH = {"a": 0.4, "b": 0.5, "c": 0.6}
UNEVEN = {"a": 0.2, "b": 30.0, "c": 70.0}


@pytest.mark.parametrize(
    ("seconds", "epochs", "measured_epochs", "within"),
    [
        (1.0, 0.5, HALF_AN_EPOCH, ("epochs", "seconds")),
        (0.11, 4.9, HALF_AN_EPOCH, ("epochs", "seconds")),
        (0.001, 0.5, HALF_AN_EPOCH, ("epochs",)),
        (400.0, 0.5, HALF_AN_EPOCH, ("epochs",)),
        (1.0, 80.0, HALF_AN_EPOCH, ("seconds",)),
        (1.0, None, {}, ("seconds",)),
        (1.0, 1e-9, {}, ("seconds",)),
        (None, None, HALF_AN_EPOCH, ()),
        (None, 0.3, UNEVEN, ()),
    ],
)
def test_what_is_within_the_factor_is_confirmed(result, seconds, epochs, measured_epochs, within):
    claimed = claiming(result, seconds, epochs)
    assert check_cost(claimed, ONE_SECOND, measured_epochs) == within


@pytest.mark.parametrize(
    ("seconds", "epochs", "measured_epochs", "said"),
    [
        (1.0, 1e-9, HALF_AN_EPOCH, "claims 1e-09 epochs a network, but measured again here no "),
        (0.0, None, {}, "here no network takes less than 0.9, more than 10 times as much"),
        (0.08, None, {}, "claims 0.08 seconds a network"),
    ],
)
def test_a_cost_far_below_what_is_measured_is_refused(
    result, seconds, epochs, measured_epochs, said
):
    with pytest.raises(SubmissionError, match=said):
        check_cost(claiming(result, seconds, epochs), ONE_SECOND, measured_epochs)


def test_what_takes_no_time_is_not_compared(result):
    assert check_cost(claiming(result, 1e-9, 1e-9), {"a": 0.002}, {"a": 0.1}) == ()
    assert check_cost(claiming(result, 1e-9, 1e-9), {}, {}) == ()
