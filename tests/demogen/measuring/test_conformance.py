import numpy as np
import pytest
import torch
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.cluster import KMeans

from demogen import Access, Measure, Predictor, PredictorError, check_predictor
from demogen.measuring import conformance
from demogen.measuring.conformance import example_networks


class Good(Measure):
    name = "good"
    access = Access.TRAIN

    def __init__(self, power=1.0):
        self.power = power

    def compute(self, network):
        total = 0.0
        for batch in network.train.images.split(network.batch_size):
            total += float(network.module(batch).abs().pow(self.power).sum())
        return {"mean": total / len(network.train)}


class Changes(Good):
    def compute(self, network):
        with torch.no_grad():
            next(network.module.parameters()).add_(1)
        return super().compute(network)


class Trains(Good):
    def compute(self, network):
        signature = super().compute(network)
        network.module.train()
        return signature


class Marks(Good):
    def compute(self, network):
        network.module.requires_grad_(True)
        return {"one": 1.0}


class Random(Good):
    def compute(self, network):
        return {"random": float(torch.rand(()))}


class Counts(Good):
    def compute(self, network):
        return {"batches": float(len(network.train.images.split(network.batch_size)))}


class First(Good):
    def compute(self, network):
        return {"first": float(network.train.images[0].sum())}


class Peeks(Good):
    access = Access.NONE


class Varies(Good):
    def compute(self, network):
        return {network.id: 1.0}


class Breaks(Good):
    def compute(self, network):
        raise ZeroDivisionError("oh")


class Nowhere(Good):
    def applicable(self, module):
        return "never"


class Computes(Good):
    def __init__(self, power=1.0):
        self.power = np.float64(power) * 2


class Shouts(Good):
    name = "Good Measure"


class BadRegressor(RegressorMixin, BaseEstimator):
    def fit(self, X, y):
        return self

    def predict(self, X):
        return np.full(len(X), np.nan)


@pytest.fixture
def two_examples(monkeypatch):
    """Any fault shows on two networks; all of them are for measures that pass."""
    monkeypatch.setattr(conformance, "_ARCHITECTURES", conformance._ARCHITECTURES[:2])


def test_a_good_measure_passes_and_the_random_state_is_left_alone():
    state = torch.get_rng_state()
    check_predictor(Good())
    assert torch.equal(torch.get_rng_state(), state)
    check_predictor(Predictor("p", Good(2.0), columns=("mean",)))


@pytest.mark.usefixtures("two_examples")
@pytest.mark.parametrize(
    ("measure", "check"),
    [
        (Changes(), "leaves_the_network_alone"),
        (Trains(), "leaves_the_network_alone"),
        (Marks(), "leaves_the_network_alone: it leaves requires_grad"),
        (Random(), "is_deterministic"),
        (Counts(), "ignores_batch_size"),
        (First(), "ignores_sample_order"),
        (Peeks(), r"keeps_to_its_access: .*add Access\.TRAIN"),
        (Varies(), "same_features_for_all_networks"),
        (Breaks(), "measures_examples: ZeroDivisionError: oh"),
        (Nowhere(), "is_defined_somewhere"),
        (Computes(), "a constructor only stores its parameters"),
        (Shouts(), "is_described"),
    ],
)
def test_each_fault_is_named(measure, check):
    with pytest.raises(PredictorError, match=check):
        check_predictor(measure)


@pytest.mark.usefixtures("two_examples")
@pytest.mark.parametrize(
    ("predictor", "reason"),
    [
        (Predictor("p", Good(), regressor=BadRegressor()), "values that are not finite"),
        (Predictor("p", Good(), regressor=KMeans(2)), "no scikit-learn regressor"),
        (Predictor("p", Good(), columns=("meen",)), "did you mean 'mean'"),
    ],
)
def test_faults_of_the_regressor_are_named(predictor, reason):
    with pytest.raises(PredictorError, match=f"regressor_fits: .*{reason}"):
        check_predictor(predictor)


@pytest.mark.usefixtures("two_examples")
def test_all_faults_are_named_at_once():
    class Both(First):
        name = "BOTH"

    with pytest.raises(PredictorError) as error:
        check_predictor(Both())
    assert "is_described" in str(error.value)
    assert "ignores_sample_order" in str(error.value)


def test_examples_classify_most_samples_correctly_and_miss_a_class():
    for network in example_networks():
        labels = network.train.labels
        correct = network.module(network.train.images).argmax(1) == labels
        assert 0.5 < correct.double().mean() < 1
        assert 9 not in labels
