import numpy as np
import pytest

from baselines import sensitivity
from baselines.sensitivity import JacobianNormTrain
from demogen.errors import ZooError
from demogen.networks.network import Network
from leaderboard.figures import novak2018
from leaderboard.figures.sources import Sources
from tests.leaderboard.figures.painting import line, painted, points, texts_overlap


@pytest.fixture(scope="module", autouse=True)
def coarse():
    """Ellipses of fewer points and planes of fewer cells, in the measure and so in its figures."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sensitivity, "ANGLES", 60)
        patch.setattr(sensitivity, "SIDE", 33)
        yield


@pytest.fixture(scope="module")
def opened(tiny_zoo_folder):
    """The tiny zoo, of which every network counts as fitted."""
    from demogen import load_zoo

    zoo = load_zoo(tiny_zoo_folder)
    return Sources(zoo, train_accuracy=0.0)


@pytest.fixture(scope="module")
def two(opened):
    return Sources(opened.zoo, networks=tuple(opened.spread(2)), train_accuracy=0.0)


def test_ellipses_are_means_over_networks_with_their_standard_error(two):
    data = novak2018.gather_ellipses(two)
    figure = painted(novak2018.paint_ellipses, data)
    assert [axes.get_title() for axes in figure.axes] == ["Jacobian norm", "transition density"]
    each = [JacobianNormTrain().details(two.zoo[network]) for network in two.networks]
    for axes, quantity in zip(figure.axes, novak2018.QUANTITIES, strict=True):
        for kind, label in novak2018.KINDS.items():
            values = np.stack([arrays[f"ellipse.{kind}.{quantity}"] for arrays in each])
            x, y = line(axes, label)
            np.testing.assert_allclose(y, values.mean(axis=0), rtol=1e-9)
            np.testing.assert_allclose(x, np.arange(60) * 2 * np.pi / 60)
        assert axes.get_xlim() == pytest.approx((0, 2 * np.pi))
        assert np.isclose(axes.get_xticks(), [np.pi / 3, np.pi, 5 * np.pi / 3]).all()
    first = np.stack([arrays["ellipse.random.jacobian_norm"] for arrays in each])
    band = figure.axes[0].collections[0].get_paths()[0].vertices[:, 1]
    half = np.abs(first[0] - first[1]) / 2  # s / √2 of two values
    assert band.max() == pytest.approx((first.mean(axis=0) + half).max())
    assert figure.axes[0].get_yscale() == "log"
    assert not texts_overlap(figure)


def test_one_network_has_no_error():
    mean, error = novak2018.mean_and_error(np.array([[1.0, 4.0]]))
    assert mean.tolist() == [1, 4]
    assert error.tolist() == [0, 0]


def test_boundaries_are_those_before_and_after_training(opened):
    data = novak2018.gather_boundaries(opened)
    gaps = opened.table["gap"]
    network = opened.zoo[opened.one()]
    assert gaps[network.id] == gaps.min()
    for counts, module in ((data.after, network.module), (data.before, network.initial)):
        known = Network.of(module, network.train.images, network.train.labels)
        expected = JacobianNormTrain().details(known)
        np.testing.assert_array_equal(counts, expected["slice.boundaries"])
    np.testing.assert_array_equal(data.images, expected["slice.images"])
    figure = painted(novak2018.paint_boundaries, data)
    before, after, bar, *pictures = figure.axes
    np.testing.assert_array_equal(before.images[0].get_array(), data.before)
    np.testing.assert_array_equal(after.images[0].get_array(), data.after)
    assert before.images[0].get_clim() == after.images[0].get_clim()
    assert before.images[0].origin == "lower"
    places = [text.get_position() for text in after.texts]
    np.testing.assert_allclose(places, data.anchors)
    assert [axes.get_title() for axes in pictures] == ["image 1", "image 2", "image 3"]
    assert bar.get_ylabel() == "boundaries through a cell"
    assert not texts_overlap(figure)


def test_inputs_that_are_no_pictures_are_left_out():
    counts = np.zeros((4, 4))
    data = novak2018.Boundaries("x", counts, counts, np.zeros((3, 2)), np.zeros((3, 7)))
    figure = painted(novak2018.paint_boundaries, data)
    assert len(figure.axes) == 3


def test_points_are_test_images_with_their_true_labels(two):
    data = novak2018.gather_points(two)
    test = two.zoo.image_set("digits").test
    for network, shown in zip(two.zoo.networks(two.networks), data.of, strict=True):
        logits = network.module(network.test_inputs).double()
        losses = -logits.log_softmax(1).gather(1, test.labels[:, None]).squeeze(1).numpy()
        assert data.left_out == 0
        np.testing.assert_allclose(shown[0], losses, rtol=1e-5)
    figure = painted(novak2018.paint_points, data)
    (axes,) = figure.axes
    np.testing.assert_array_equal(points(axes), np.concatenate(data.of, axis=1).T)
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert len(figure.legends[0].get_texts()) == 2
    assert not texts_overlap(figure)


def test_images_with_a_value_of_zero_are_counted_and_not_shown(two, monkeypatch):
    found = {"cross_entropy": np.array([0.0, 0.1, 0.2]), "jacobian_norm": np.array([1.0, 0.0, 2.0])}
    monkeypatch.setattr(Sources, "details", lambda self, name, ids, seen: [found] * len(ids))
    data = novak2018.gather_points(two)
    assert data.left_out == 4
    np.testing.assert_array_equal(data.of[0], [[0.2], [2.0]])
    title = painted(novak2018.paint_points, data).axes[0].get_title()
    assert "4 images with a value of 0 not shown" in title
    found["jacobian_norm"] = np.zeros(3)
    with pytest.raises(ZooError, match="no test image of zoo tiny has a loss and a Jacobian norm"):
        novak2018.gather_points(two)


def test_bounds_are_drawn_with_the_points_they_bound(opened):
    data = novak2018.gather_bounds(opened)
    figure = painted(novak2018.paint_bounds, data)
    above, below = figure.axes
    np.testing.assert_array_equal(points(above), np.stack([data.losses, data.rows], axis=1))
    np.testing.assert_array_equal(points(below), np.stack([data.losses, data.norms], axis=1))
    right = np.exp(-data.at)
    shape = right * (1 - right)
    x, lower = line(above, "lower bound (Eq. 5, 6)")
    _, upper = line(above, "upper bound (Eq. 5)")
    np.testing.assert_array_equal(x, data.at)
    np.testing.assert_allclose(upper / lower, np.sqrt(1.8), rtol=1e-9)
    assert np.ptp(lower / shape) < 1e-9 * (lower / shape).max()
    _, norm = line(below, "approximation (Eq. 7)")
    assert (norm >= lower * (1 - 1e-9)).all()
    assert x[0] == pytest.approx(data.losses.min(), rel=1e-9)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "test image",
        "lower bound (Eq. 5, 6)",
        "upper bound (Eq. 5)",
        "approximation (Eq. 7)",
    ]
    assert not texts_overlap(figure)


def test_networks_that_do_not_fit_are_left_out_unless_chosen(tiny_zoo):
    best = tiny_zoo.table["train_accuracy"].max()
    assert best < 1
    for gather in (novak2018.gather_ellipses, novak2018.gather_boundaries, novak2018.gather_points):
        with pytest.raises(ZooError, match=f"of 1; the best reaches {best:g}: lower --train-accur"):
            gather(Sources(tiny_zoo))
    assert Sources(tiny_zoo, networks=("a", "b")).one() == "a"
    kept = Sources(tiny_zoo, train_accuracy=best).spread(5, fitted=True)
    assert (tiny_zoo.table.loc[kept, "train_accuracy"] == best).all()


@pytest.mark.usefixtures("without_layout")
def test_the_same_sources_give_the_same_bytes(two):
    one = Sources(two.zoo, networks=two.networks[:1])
    assert novak2018.BOUNDS.draw(one, "svg") == novak2018.BOUNDS.draw(one, "svg")
