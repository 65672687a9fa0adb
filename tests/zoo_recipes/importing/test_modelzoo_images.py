from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from demogen.images import sources
from demogen.images._torchvision import torchvision
from zoo_recipes.importing.modelzoo_images import SETS, images_of, make


@pytest.mark.parametrize(
    ("experiment", "key"),
    [
        ("tune_zoo_mnist_uniform", "mnist"),
        ("tune_zoo_f_mnist_uniform", "f_mnist"),
        ("tune_zoo_cifar10_uniform_small", "cifar10"),
        ("tune_zoo_cifar10_large_uniform", "cifar10 large"),
        ("tune_zoo_stl-10_small_uniform", "stl10"),
        ("tune_zoo_svhn_hyperparameter_10_fixed_seeds", "svhn"),
        ("tune_zoo_usps_uniform", "usps"),
    ],
)
def test_the_name_of_an_experiment_tells_its_images(experiment, key):
    assert images_of(experiment) is SETS[key]
    assert images_of("tune_zoo_other") is None


def stored(kind, monkeypatch, *, count=40, labels=None):
    channels, side = (1, 28) if "mnist" in kind.source else (3, 32)
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (count, channels, side, side), dtype=np.uint8)
    first = kind.first_labels if labels is None else labels
    numbers = np.resize(np.array(first), count).astype(np.int64)
    arrays = {
        "train_images": images,
        "train_labels": numbers,
        "test_images": images[:5],
        "test_labels": numbers[:5],
    }
    monkeypatch.setattr(sources, "read", lambda name, folder: arrays)
    return arrays


@pytest.mark.parametrize("key", ["mnist", "cifar10", "svhn", "cifar10 large"])
def test_they_are_chosen_and_changed_as_the_authors_scripts_do(key, monkeypatch, tmp_path):
    kind = replace(SETS[key], train_size=30)
    arrays = stored(kind, monkeypatch)
    made = make(kind, tmp_path)
    parts = torch.utils.data.random_split(
        range(40), [30, 10], generator=torch.Generator().manual_seed(42)
    )
    chosen = parts[0].indices
    np.testing.assert_array_equal(made.arrays["train_labels"], arrays["train_labels"][chosen])
    v2 = torchvision("transforms.v2")
    transforms = {
        "cifar10": v2.Resize((28, 28)),
        "svhn": v2.Compose([v2.Grayscale(1), v2.CenterCrop(28)]),
    }
    for number in (0, 7):
        pixels = arrays["train_images"][chosen[number]]
        image = Image.fromarray(pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0))
        wanted = np.asarray(transforms[key](image) if key in transforms else image)
        wanted = wanted[None] if wanted.ndim == 2 else wanted.transpose(2, 0, 1)
        np.testing.assert_array_equal(made.arrays["train_images"][number], wanted)


def test_images_in_another_order_are_not_taken(monkeypatch, tmp_path):
    stored(SETS["mnist"], monkeypatch, labels=(1, 2, 3))
    assert make(SETS["mnist"], tmp_path) is None


def test_without_images_there_are_none(monkeypatch):
    monkeypatch.delenv("DEMOGEN_IMAGES", raising=False)
    assert make(SETS["mnist"], None) is None
