import pytest
import torch

from demogen.images.image_set import load_images
from demogen.schema.records import MLP, Data, NetworkSpec, Training
from zoo_recipes import batches as batches_module
from zoo_recipes.batches import Batches


@pytest.fixture(scope="module")
def digits():
    return load_images("digits")


def asked(data=None, **training):
    return NetworkSpec(
        architecture=MLP(family="mlp", width=4, depth=2),
        data=Data(images="digits", **(data or {})),
        training=Training(batch_size=30, **training),
    )


def made(spec, digits, channels_last=False):
    return Batches(digits.train.images, spec, digits, "cpu", channels_last=channels_last)


def test_an_epoch_gives_every_image_once_with_its_label(digits):
    batches = made(asked(), digits)
    found = list(batches.epoch(torch.arange(1000), torch.Generator().manual_seed(3)))
    assert [len(y) for _, y in found] == [30] * 33 + [10]
    order = torch.cat([y for _, y in found])
    assert order.tolist() != list(range(1000))
    assert sorted(order.tolist()) == list(range(1000))
    wanted = digits.standardize(digits.train.images, "image")
    assert torch.equal(torch.cat([x for x, _ in found]), wanted[order])


def test_where_the_standardized_images_do_not_fit_batches_are_the_same(digits, monkeypatch):
    generators = [torch.Generator().manual_seed(3) for _ in range(3)]
    spec = asked({"standardization": "set"})
    kept = list(made(spec, digits).epoch(digits.train.labels, generators[0]))
    monkeypatch.setattr(batches_module, "RESIDENT_BYTES", 100_000)
    uint8 = list(made(spec, digits).epoch(digits.train.labels, generators[1]))
    monkeypatch.setattr(batches_module, "RESIDENT_BYTES", 10)
    streamed = list(made(spec, digits).epoch(digits.train.labels, generators[2]))
    for (x, y), (x2, y2), (x3, y3) in zip(kept, uint8, streamed, strict=True):
        assert torch.equal(x, x2)
        assert torch.equal(x, x3)
        assert torch.equal(y, y2)
        assert torch.equal(y, y3)


def test_augmentation_draws_anew_in_every_epoch_and_plain_does_not(digits):
    batches = made(asked(augmentation=("crop",)), digits)
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(1000)
    first, second = (dict(zip_rows(batches.epoch(labels, generator))) for _ in range(2))
    plain = torch.cat(list(batches.plain(64)))
    assert torch.equal(plain, digits.standardize(digits.train.images, "image"))
    # Of 81 places one is the image itself.
    assert sum(torch.equal(first[index], second[index]) for index in range(1000)) < 60
    assert sum(torch.equal(first[index], plain[index]) for index in range(1000)) < 60


def zip_rows(epoch):
    for x, y in epoch:
        yield from zip(y.tolist(), x, strict=True)


def test_crops_and_windows_have_the_side_asked_for(digits):
    middle = digits.standardize(digits.train.images[:, :, 2:6, 2:6], "image")
    cropped = made(asked({"center_crop": 4}), digits)
    assert torch.equal(torch.cat(list(cropped.plain(100))), middle)
    windows = made(asked({"center_crop": 4}, augmentation=("window",)), digits)
    assert torch.equal(torch.cat(list(windows.plain(100))), middle)
    labels = torch.arange(1000)
    found = dict(zip_rows(windows.epoch(labels, torch.Generator().manual_seed(0))))
    assert found[0].shape == (1, 4, 4)
    same = sum(torch.equal(found[index], middle[index]) for index in range(1000))
    # Of 25 places one is the middle.
    assert 10 < same < 90


def test_layout_is_as_asked(digits):
    for spec in (asked(), asked(augmentation=("flip",))):
        x, _ = next(made(spec, digits, True).epoch(digits.train.labels, torch.Generator()))
        assert x.is_contiguous(memory_format=torch.channels_last)
