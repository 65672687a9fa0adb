import pytest
import torch
from sklearn.metrics import davies_bouldin_score

from baselines.functional.clusters import davies_bouldin
from demogen.errors import NotMeasurable


def blobs():
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(40) % 4
    return torch.randn(40, 3, 2, generator=generator).double() + labels[:, None, None], labels


def split(features, labels):
    return [features[labels == label] for label in labels.unique()]


def test_mean_distances_give_scikit_learns_index():
    features, labels = blobs()
    known = davies_bouldin_score(features.flatten(1), labels)
    assert davies_bouldin(split(features, labels), exponent=1) == pytest.approx(known, rel=1e-12)
    assert davies_bouldin(split(features, labels)) > known


def test_the_index_has_no_units():
    features, labels = blobs()
    known = davies_bouldin(split(features, labels))
    assert davies_bouldin(split(1000 * features + 3, labels)) == pytest.approx(known, rel=1e-12)


def test_one_class_has_no_index():
    with pytest.raises(NotMeasurable, match="of one class"):
        davies_bouldin([torch.ones(3, 2)])


def test_features_that_are_not_finite_have_no_index():
    with pytest.raises(NotMeasurable, match="activations are not all finite"):
        davies_bouldin([torch.tensor([[0.0], [torch.inf]]), torch.ones(2, 1)])
