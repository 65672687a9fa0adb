import pytest
import torch

from zoo_recipes.augmentation import augment


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
