import numpy as np
import pytest
import torch
from PIL import Image

from demogen.errors import ZooError
from demogen.images import image_set as images_module
from demogen.images.image_set import load_images, memory_mapped
from demogen.schema.image_sets import IMAGE_SETS, ImageSetFacts
from demogen.schema.records import Data, NetworkSpec, Training
from zoo_recipes.batches import Batches


@pytest.fixture
def pictures(monkeypatch, tmp_path):
    """Seven training and three validation images of three classes and of many sizes."""
    monkeypatch.setenv("DEMOGEN_HOME", str(tmp_path / "home"))
    known = vars(IMAGE_SETS["imagenet"])
    sizes = {"shape": (3, 16, 16), "train_size": 7, "test_size": 3, "classes": 3}
    monkeypatch.setitem(IMAGE_SETS, "imagenet", ImageSetFacts(**{**known, **sizes}))
    generator = np.random.default_rng(0)
    made = {"train": [], "val": []}
    for number in range(10):
        height, width = generator.integers(16, 60, 2)
        pixels = generator.integers(0, 256, (height, width, 3), dtype=np.uint8)
        made["train" if number < 7 else "val"].append((Image.fromarray(pixels), number % 3))
    yield made
    images_module._load.cache_clear()


def write_class_folders(folder, pictures):
    for part, rows in pictures.items():
        for number, (image, label) in enumerate(rows):
            place = folder / part / f"n0{label}"
            place.mkdir(parents=True, exist_ok=True)
            image.save(place / f"{number}.png")


def write_parquet(folder, pictures):
    import datasets

    features = datasets.Features(
        {"image": datasets.Image(), "label": datasets.ClassLabel(num_classes=3)}
    )
    folder.mkdir(parents=True)
    for part, split in (("train", "train"), ("val", "validation")):
        rows = pictures[part][::-1]
        content = {"image": [image for image, _ in rows], "label": [label for _, label in rows]}
        table = datasets.Dataset.from_dict(content, features=features)
        table.to_parquet(folder / f"{split}-00000-of-00001.parquet")


def test_images_are_scaled_and_their_middle_kept(pictures, tmp_path):
    write_class_folders(tmp_path / "imagenet", pictures)
    loaded = load_images("imagenet", tmp_path)
    wanted = set()
    for image, label in pictures["train"]:
        width, height = image.size
        scale = 16 / min(width, height)
        size = (16, int(scale * height)) if width <= height else (int(scale * width), 16)
        left, top = (round((length - 16) / 2) for length in size)
        square = image.resize(size, Image.Resampling.BILINEAR).crop(
            (left, top, left + 16, top + 16)
        )
        wanted.add((np.asarray(square).transpose(2, 0, 1).tobytes(), label))
    found = zip(loaded.train.images, loaded.train.labels.tolist(), strict=True)
    assert {(pixels.numpy().tobytes(), label) for pixels, label in found} == wanted


def test_every_source_gives_the_same_memory_mapped_set(pictures, tmp_path):
    write_class_folders(tmp_path / "one" / "imagenet", pictures)
    write_parquet(tmp_path / "two" / "imagenet", pictures)
    one, two = (load_images("imagenet", tmp_path / name) for name in ("one", "two"))
    assert one.digest == two.digest
    assert tuple(one.train.images.shape) == (7, 3, 16, 16)
    assert sorted(one.test.labels.tolist()) == sorted(label for _, label in pictures["val"])
    arrays = memory_mapped.read("imagenet", tmp_path / "one")
    assert isinstance(arrays["train_images"], np.memmap)
    keys = [
        memory_mapped.canonical_key(image, label)
        for image, label in zip(arrays["train_images"], arrays["train_labels"], strict=True)
    ]
    assert keys == sorted(keys)
    assert not list((tmp_path / "home" / "images").glob(".*"))


def test_a_second_time_nothing_is_decoded(pictures, tmp_path, monkeypatch):
    write_class_folders(tmp_path / "imagenet", pictures)
    digest = load_images("imagenet", tmp_path).digest
    images_module._load.cache_clear()
    monkeypatch.setattr(memory_mapped, "_decode_set", None)
    assert load_images("imagenet", tmp_path).digest == digest


def test_batches_are_read_from_the_disk_as_they_are_needed(pictures, tmp_path, monkeypatch):
    from zoo_recipes import batches

    monkeypatch.setattr(batches, "RESIDENT_BYTES", 100)
    write_class_folders(tmp_path / "imagenet", pictures)
    loaded = load_images("imagenet", tmp_path)
    data = Data(
        images="imagenet",
        center_crop=12,
        standardization="constants",
        pixel_mean=(0.5, 0.4, 0.3),
        pixel_std=(0.2, 0.2, 0.1),
    )
    spec = NetworkSpec(
        architecture={"family": "mlp", "width": 2, "depth": 2},
        data=data,
        training=Training(augmentation=("window", "flip"), batch_size=4),
    )
    part = loaded.training_part(data)
    assert part.images.data_ptr() == loaded.train.images.data_ptr()
    found = Batches(part.images, spec, loaded, "cpu", channels_last=False)
    epoch = list(found.epoch(part.labels, torch.Generator().manual_seed(0)))
    assert [tuple(x.shape) for x, _ in epoch] == [(4, 3, 12, 12), (3, 3, 12, 12)]
    plain = torch.cat(list(found.plain(2)))
    middle = part.images[:, :, 2:14, 2:14].double() / 255
    mean, std = torch.tensor([0.5, 0.4, 0.3]), torch.tensor([0.2, 0.2, 0.1])
    wanted = (middle - mean[:, None, None]) / std[:, None, None]
    assert torch.allclose(plain.double(), wanted, atol=1e-5)


def test_missing_or_too_few_images_are_one_clear_line(pictures, tmp_path):
    with pytest.raises(ZooError, match="no imagenet in .*: expected imagenet/train and imagenet/v"):
        load_images("imagenet", tmp_path)
    write_class_folders(tmp_path / "imagenet", {**pictures, "val": pictures["val"][:2]})
    with pytest.raises(ZooError, match="imagenet has 2 test images here; the published set 3"):
        load_images("imagenet", tmp_path)
    assert not list((tmp_path / "home").glob("images/*"))


def test_a_disk_that_would_fill_up_is_refused(pictures, tmp_path, monkeypatch):
    write_class_folders(tmp_path / "imagenet", pictures)
    (tmp_path / "home" / "images").mkdir(parents=True)
    usage = memory_mapped.shutil.disk_usage(tmp_path)._replace(free=13_055)
    monkeypatch.setattr(memory_mapped.shutil, "disk_usage", lambda folder: usage)
    with pytest.raises(ZooError, match="decoding imagenet into .*images takes 0.0 GB .* free some"):
        load_images("imagenet", tmp_path)
    monkeypatch.setattr(memory_mapped.shutil, "disk_usage", lambda _: usage._replace(free=13_056))
    assert len(load_images("imagenet", tmp_path).train) == 7


def test_images_without_metadata_and_decoded_ones_for_colleagues(pictures, tmp_path):
    """As pandas writes them, with names of classes' numbers, where `hf download` leaves them."""
    import io

    import pandas as pd

    def png(image):
        image.save(buffer := io.BytesIO(), "PNG")
        return {"bytes": buffer.getvalue(), "path": None}

    write_class_folders(tmp_path / "one" / "imagenet", pictures)
    folder = tmp_path / "two" / "imagenet" / "data"
    folder.mkdir(parents=True)
    for part, split in (("train", "train"), ("val", "validation")):
        images, labels = zip(*pictures[part], strict=True)
        frame = pd.DataFrame({"image": list(map(png, images)), "label": list(map(str, labels))})
        frame.to_parquet(folder / f"{split}-00000-of-00001.parquet")
    one, two = (load_images("imagenet", tmp_path / name) for name in ("one", "two"))
    assert one.digest == two.digest
    (tmp_path / "plain").mkdir()
    for decoded in (tmp_path / "home" / "images").iterdir():
        assert decoded.stat().st_mode == (tmp_path / "plain").stat().st_mode
    frame.at[1, "image"] = {"bytes": b"damaged", "path": None}
    frame.to_parquet(folder / "validation-00000-of-00001.parquet")
    images_module._load.cache_clear()
    with pytest.raises(ZooError, match="data, validation files, column 'image', row 1 holds bytes"):
        load_images("imagenet", tmp_path / "two")


def test_a_damaged_image_in_a_class_folder_is_named(pictures, tmp_path):
    write_class_folders(tmp_path / "imagenet", pictures)
    (tmp_path / "imagenet" / "train" / "n00" / "3.png").write_bytes(b"damaged")
    with pytest.raises(ZooError, match=r"train/n00/3\.png holds bytes that are no image"):
        load_images("imagenet", tmp_path)
