import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from baselines.functional.jacobians import softmax_jacobian_norms
from baselines.functional.regions import transition_counts
from baselines.functional.trajectories import (
    ANCHOR_ANGLES,
    Translations,
    anchor_indices,
    ellipse_through,
    random_ellipse,
    sensitivity_along,
)
from demogen.errors import NotMeasurable

EVERY = slice(None)


def random_images(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def at_angle(ellipse, angle):
    """z(θ) at any angle: the first of one step that starts there."""
    steps = torch.tensor([angle / (2 * math.pi) * ellipse.length], dtype=torch.float64)
    return ellipse.points(EVERY, steps)[0, 0]


def test_translations_pass_through_every_shift_on_straight_lines():
    images = random_images(2, 3, 4, 5)
    path = Translations(images, 3)
    assert (path.count, path.length) == (2, 15)
    points = path.points(EVERY, torch.arange(15))
    for image in range(2):
        for shift in range(5):
            here = np.roll(images[image].numpy(), shift, axis=2)
            there = np.roll(images[image].numpy(), (shift + 1) % 5, axis=2)
            for part in range(3):
                expected = here * (1 - part / 3) + there * (part / 3)
                found = points[image, 3 * shift + part].numpy()
                np.testing.assert_allclose(found, expected, atol=1e-14)


def test_translations_are_equidistant_and_closed():
    points = Translations(random_images(1, 1, 8, 8), 4).points(EVERY, torch.arange(32))[0]
    steps = (points.roll(-1, 0) - points).flatten(1).norm(dim=1)
    assert steps.tolist() == pytest.approx([steps[0].item()] * 32, rel=1e-12)


def test_parts_of_translations_are_those_of_the_whole():
    path = Translations(random_images(4, 1, 8, 8), 4)
    whole = path.points(EVERY, torch.arange(32))
    assert torch.equal(path.points(slice(1, 3), torch.arange(7, 20)), whole[1:3, 7:20])


def test_vectors_have_no_translations():
    with pytest.raises(NotMeasurable, match="vectors"):
        Translations(torch.zeros(4, 64), 4)
    with pytest.raises(ValueError, match="at least 1"):
        Translations(torch.zeros(4, 1, 8, 8), 0)


def test_a_random_ellipse_is_centered_and_as_long_as_images_are():
    like = torch.zeros(1, 28, 28, dtype=torch.float32)
    ellipse = random_ellipse(like, 360, seed=3)
    points = ellipse.points(EVERY, torch.arange(360))[0].flatten(1)
    assert points.mean(dim=0).abs().max().item() < 1e-12
    assert points.square().sum(dim=1).mean().item() == pytest.approx(784, rel=0.1)
    # An ellipse: all in one plane, and opposite points are each other's negatives.
    assert torch.linalg.matrix_rank(points, rtol=1e-9) == 2
    assert torch.allclose(points[:180], -points[180:])
    again, other = random_ellipse(like, 360, seed=3), random_ellipse(like, 360, seed=4)
    assert torch.equal(again.cosine, ellipse.cosine)
    assert not torch.equal(other.cosine, ellipse.cosine)


def test_an_ellipse_meets_its_three_anchors():
    anchors = random_images(3, 1, 4, 4)
    ellipse = ellipse_through(anchors, 12)
    for anchor, angle in zip(anchors, ANCHOR_ANGLES, strict=True):
        assert torch.allclose(at_angle(ellipse, angle), anchor, atol=1e-13)
    points = ellipse.points(EVERY, torch.arange(12))[0]
    assert torch.allclose(points[[2, 6, 10]], anchors, atol=1e-13)


def test_an_equilateral_triangle_has_its_circumcircle():
    angles = torch.tensor(ANCHOR_ANGLES, dtype=torch.float64)
    corners = torch.stack([5 + 2 * angles.cos(), -1 + 2 * angles.sin()], dim=1)
    points = ellipse_through(corners, 8).points(EVERY, torch.arange(8))[0]
    radii = (points - torch.tensor([5.0, -1.0])).norm(dim=1)
    assert radii.tolist() == pytest.approx([2.0] * 8)


@pytest.mark.parametrize("length", [3, 7, 360])
def test_step_lengths_are_distances_between_points(length):
    ellipse = ellipse_through(random_images(3, 2, 3, 3), length)
    points = ellipse.points(EVERY, torch.arange(length))[0].flatten(1)
    expected = (points.roll(-1, 0) - points).norm(dim=1)
    assert torch.allclose(ellipse.step_lengths(), expected, rtol=1e-12)


def test_anchors_are_chosen_by_content():
    images = random_images(60, 1, 4, 4)
    labels = torch.arange(60) % 7
    found = anchor_indices(images, labels)
    assert len(set(labels[found["different"]].tolist())) == 3
    assert len(set(labels[found["same"]].tolist())) == 1
    assert len(set(found["same"].tolist())) == 3
    order = torch.randperm(60, generator=torch.Generator().manual_seed(0))
    shuffled = anchor_indices(images[order].float(), labels[order])
    for kind, indices in found.items():
        assert torch.equal(order[shuffled[kind]], indices)
    assert not torch.equal(anchor_indices(images, labels, seed=1)["same"], found["same"])


@pytest.mark.parametrize(
    ("labels", "kinds"),
    [
        ([0, 1, 2], {"different"}),
        ([0, 1, 1, 0, 1], {"same"}),
        ([4, 4], set()),
        ([0, 1, 1, 0], set()),
        ([9, 8, 7, 9, 9], {"different", "same"}),
    ],
)
def test_kinds_without_enough_images_are_left_out(labels, kinds):
    images = random_images(len(labels), 1, 4, 4)
    found = anchor_indices(images, torch.tensor(labels))
    assert set(found) == kinds
    if "same" in kinds:
        (shared,) = set(torch.tensor(labels)[found["same"]].tolist())
        assert labels.count(shared) >= 3


def test_sensitivity_along_an_ellipse_is_that_of_its_points(make_network):
    network = make_network("mlp-deep")
    ellipse = ellipse_through(network.train.images[:3], 12)
    found = sensitivity_along(network.module, ellipse, points_per_angle=5, batch_size=7)
    points = ellipse.points(EVERY, torch.arange(12))[0]
    norms = softmax_jacobian_norms(network.module, points)
    assert torch.allclose(found["jacobian_norm"], norms, rtol=1e-12)
    finer = replace(ellipse, length=60)
    counts, lengths = transition_counts(network.module, finer)[0], finer.step_lengths()
    for angle in range(12):
        part = slice(5 * angle, 5 * angle + 5)
        expected = (counts[part].sum() / lengths[part].sum()).item()
        assert found["transition_density"][angle].item() == pytest.approx(expected)
    assert found["transition_density"].sum() > 0


def test_networks_without_codes_have_their_jacobian_along_an_ellipse(make_network):
    network = make_network("own-residual")
    ellipse = random_ellipse(network.train.images[0], 6)
    assert set(sensitivity_along(network.module, ellipse)) == {"jacobian_norm"}


def test_an_ellipse_of_one_point_has_no_density(make_network):
    network = make_network("mlp")
    ellipse = ellipse_through(network.train.images[:1].expand(3, -1, -1, -1), 6)
    flat = replace(ellipse, cosine=torch.zeros_like(ellipse.cosine), sine=ellipse.sine * 0)
    assert sensitivity_along(network.module, flat)["transition_density"].tolist() == [0.0] * 6
