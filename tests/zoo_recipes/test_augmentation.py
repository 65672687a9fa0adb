from typing import get_args

import pytest
import torch

from demogen.images._torchvision import torchvision
from demogen.schema.records import Augmentation
from zoo_recipes.augmentation import MOST_DEGREES, augment


def generator():
    return torch.Generator().manual_seed(0)


@pytest.mark.parametrize("name", ["crop", "shift"])
def test_crop_and_shift_move_by_up_to_four_with_zeros(name):
    images = torch.randint(1, 256, (200, 3, 16, 12), dtype=torch.uint8)
    moved = augment(images, [name], generator())
    padded = torch.nn.functional.pad(images, (4, 4, 4, 4))
    seen = set()
    for before, after in zip(padded, moved, strict=True):
        fits = [
            (top, left)
            for top in range(9)
            for left in range(9)
            if torch.equal(before[:, top : top + 16, left : left + 12], after)
        ]
        assert len(fits) == 1
        seen.update(fits)
    assert {top for top, _ in seen} == {left for _, left in seen} == set(range(9))


def test_flip_swaps_left_and_right_of_half_the_images():
    images = torch.arange(12, dtype=torch.uint8).reshape(1, 1, 3, 4).repeat(400, 1, 1, 1)
    flipped = augment(images, ["flip"], generator())
    changed = (flipped != images).flatten(1).any(1)
    assert torch.equal(flipped[changed], images[changed].flip(3))
    assert 160 < int(changed.sum()) < 240


def test_draws_come_from_the_generator_alone():
    images = torch.randint(0, 256, (20, 1, 8, 8), dtype=torch.uint8)
    names = ["crop", "flip", "shift"]
    first = augment(images, names, generator())
    torch.manual_seed(5)
    assert torch.equal(augment(images, names, generator()), first)
    assert first.shape == images.shape
    assert torch.equal(augment(images, [], generator()), images)


def test_wrap_moves_by_up_to_four_and_brings_back_what_left():
    images = torch.randint(0, 256, (300, 2, 12, 10), dtype=torch.uint8)
    moved = augment(images, ["wrap"], generator())
    seen = set()
    for before, after in zip(images, moved, strict=True):
        fits = [
            (down, right)
            for down in range(-4, 5)
            for right in range(-4, 5)
            if torch.equal(before.roll((-down, -right), (1, 2)), after)
        ]
        assert len(fits) == 1
        seen.update(fits)
    assert {down for down, _ in seen} == {right for _, right in seen} == set(range(-4, 5))


def test_flip_vertical_swaps_top_and_bottom_of_half_the_images():
    images = torch.arange(12, dtype=torch.uint8).reshape(1, 1, 3, 4).repeat(400, 1, 1, 1)
    flipped = augment(images, ["flip_vertical"], generator())
    changed = (flipped != images).flatten(1).any(1)
    assert torch.equal(flipped[changed], images[changed].flip(2))
    assert 160 < int(changed.sum()) < 240


def test_quarter_turns_are_equally_likely():
    images = torch.arange(16, dtype=torch.uint8).reshape(1, 1, 4, 4).repeat(400, 1, 1, 1)
    turned = augment(images, ["quarter_turn"], generator())
    counts = [
        int((turned == images.rot90(quarter, (2, 3))).flatten(1).all(1).sum())
        for quarter in range(4)
    ]
    assert sum(counts) == 400
    assert min(counts) > 70


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
@pytest.mark.parametrize("shape", [(3, 16, 16), (1, 12, 20)])
def test_rotation_is_torchvisions_with_an_angle_for_each_image(dtype, shape):
    rotate = torchvision("transforms.v2.functional").rotate
    images = torch.randint(0, 256, (40, *shape), dtype=torch.uint8).to(dtype)
    turned = augment(images, ["rotation"], generator())
    assert turned.dtype == dtype
    angles = (2 * torch.rand(40, generator=generator()) - 1) * MOST_DEGREES
    assert angles.min() < -10
    assert angles.max() > 10
    bilinear = torchvision("transforms").InterpolationMode.BILINEAR
    for image, angle, found in zip(images, angles.tolist(), turned, strict=True):
        wanted = rotate(image, angle, interpolation=bilinear)
        # Sums in another order: a value at a half may be rounded to the other side.
        most = 1.0 if dtype == torch.uint8 else 1e-2
        assert (found.float() - wanted.float()).abs().max() <= most
        assert (found.float() - wanted.float()).abs().mean() <= 1e-2


def test_a_window_lies_anywhere_in_the_image():
    images = torch.arange(7 * 6, dtype=torch.uint8).reshape(1, 1, 7, 6).repeat(300, 1, 1, 1)
    windows = augment(images, ["window"], generator(), window=4)
    assert windows.shape == (300, 1, 4, 4)
    corners = set(windows[:, 0, 0, 0].tolist())
    assert corners == {6 * top + left for top in range(4) for left in range(3)}
    for window in windows[:, 0]:
        top, left = divmod(int(window[0, 0]), 6)
        assert torch.equal(window, images[0, 0, top : top + 4, left : left + 4])


def test_every_augmentation_by_name_keeps_type_and_shape():
    images = torch.randint(0, 256, (5, 3, 8, 8), dtype=torch.uint8)
    for name in get_args(Augmentation):
        changed = augment(images, [name], generator(), window=8)
        assert changed.dtype == torch.uint8
        assert changed.shape == images.shape
