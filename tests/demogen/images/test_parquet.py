"""Parquet files as pandas, pyarrow and `hf download` leave them, without datasets' metadata."""

import io

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from demogen.errors import ZooError
from demogen.images import parquet
from demogen.images.image_set import load_images
from demogen.schema.image_sets import IMAGE_SETS, ImageSetFacts

TRAIN, TEST = 12, 5


@pytest.fixture(autouse=True)
def small_sets(monkeypatch, tmp_path):
    monkeypatch.setenv("DEMOGEN_HOME", str(tmp_path / "home"))
    for name, known in list(IMAGE_SETS.items()):
        sizes = {"train_size": TRAIN, "test_size": TEST, "digest": None}
        monkeypatch.setitem(IMAGE_SETS, name, ImageSetFacts(**{**vars(known), **sizes}))
    from demogen.images import image_set

    image_set._load.cache_clear()
    yield
    image_set._load.cache_clear()


def png(pixels):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def made(name="cifar10", rows=TRAIN + TEST):
    """Random images (n, h, w, c) and labels of a set."""
    known = IMAGE_SETS[name]
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (rows, *known.shape[1:], known.shape[0]), dtype=np.uint8)
    return images, generator.integers(0, known.classes, rows)


def cells(images):
    return [{"bytes": png(image.squeeze()), "path": f"{n}.png"} for n, image in enumerate(images)]


def save(folder, train, test, test_name="test"):
    folder.mkdir(parents=True, exist_ok=True)
    for frame, name in ((train, "train"), (test, test_name)):
        path = folder / f"{name}-00000-of-00001.parquet"
        pq.write_table(frame, path) if isinstance(frame, pa.Table) else frame.to_parquet(path)


def save_frame(folder, frame, test_name="test"):
    save(folder, frame[:TRAIN], frame[TRAIN:], test_name)


def assert_is(found, images, labels):
    """The set's images have the labels that they were made with."""
    wanted = {
        image.transpose(2, 0, 1).tobytes(): int(n) for image, n in zip(images, labels, strict=True)
    }
    for part, count in ((found.train, TRAIN), (found.test, TEST)):
        assert len(part) == count
        for image, label in zip(part.images, part.labels.tolist(), strict=True):
            assert wanted[image.numpy().tobytes()] == label


@pytest.mark.parametrize("image", ["img", "image"])
@pytest.mark.parametrize("label", ["label", "labels"])
@pytest.mark.parametrize("as_bytes", [True, False])
def test_columns_as_pandas_writes_them(image, label, as_bytes, tmp_path):
    images, labels = made()
    pictures = [cell["bytes"] for cell in cells(images)] if as_bytes else cells(images)
    save_frame(tmp_path / "cifar10", pd.DataFrame({image: pictures, label: labels, "more": 0.5}))
    assert_is(load_images("cifar10", tmp_path), images, labels)


NAMES = IMAGE_SETS["cifar10"].class_names


@pytest.mark.parametrize(
    "labels_as",
    [
        lambda labels: labels.astype(np.int8),
        lambda labels: labels.astype(np.uint64),
        lambda labels: labels.astype(float),
        lambda labels: [str(n) for n in labels],
        lambda labels: [NAMES[n] for n in labels],
        lambda labels: pd.Categorical([NAMES[n] for n in labels]),
        lambda labels: pd.Categorical(labels),
        lambda labels: pd.array(labels, dtype="Int16"),
    ],
)
def test_labels_of_every_type(labels_as, tmp_path):
    images, labels = made()
    save_frame(tmp_path, pd.DataFrame({"img": cells(images), "label": labels_as(labels)}))
    assert_is(load_images("cifar10", tmp_path), images, labels)


def test_types_of_arrow_that_pandas_does_not_write(tmp_path):
    images, labels = made("fashion_mnist")
    names = [IMAGE_SETS["fashion_mnist"].class_names[n].upper() for n in labels]
    encoded = pa.array([cell["bytes"] for cell in cells(images)], pa.large_binary())
    table = pa.table(
        {
            "label": pa.array(names, pa.large_string()).dictionary_encode(),
            "image": encoded.dictionary_encode(),
        }
    )
    save(tmp_path / "fashion_mnist", table[:TRAIN], table[TRAIN:])
    assert_is(load_images("fashion_mnist", tmp_path), images, labels)


def test_only_fine_labels_are_those_of_cifar100(tmp_path):
    images, labels = made("cifar100")
    frame = pd.DataFrame({"img": cells(images), "coarse_label": labels // 5, "fine_label": labels})
    save_frame(tmp_path / "cifar100", frame)
    assert_is(load_images("cifar100", tmp_path), images, labels)
    save_frame(tmp_path / "other", frame.rename(columns={"fine_label": "label"}))
    fault = r"train-00000-of-00001\.parquet has no column 'fine_label', only img, coarse_label, la"
    with pytest.raises(ZooError, match=fault):
        load_images("cifar100", tmp_path / "other")


@pytest.mark.parametrize("inner", ["cifar10/plain_text", "plain_text", "cifar10/cifar10", "data"])
@pytest.mark.parametrize("test_name", ["test", "validation", "val"])
def test_a_folder_as_hf_download_leaves_it(inner, test_name, tmp_path):
    images, labels = made()
    save_frame(tmp_path / inner, pd.DataFrame({"img": cells(images), "label": labels}), test_name)
    (tmp_path / inner / ".." / ".cache" / "huggingface").mkdir(parents=True)
    assert_is(load_images("cifar10", tmp_path), images, labels)


def test_a_folder_a_split_as_the_hub_converts_data_sets(tmp_path):
    images, labels = made()
    frame = pd.DataFrame({"img": cells(images), "label": labels})
    for part, rows in (("train", frame[:TRAIN]), ("test", frame[TRAIN:])):
        (tmp_path / "cifar10" / "plain_text" / part).mkdir(parents=True)
        rows.to_parquet(tmp_path / "cifar10" / "plain_text" / part / "0000.parquet")
    assert_is(load_images("cifar10", tmp_path), images, labels)


def test_test_images_are_preferred_to_validation_images(tmp_path):
    images, labels = made()
    frame = pd.DataFrame({"img": cells(images), "label": labels})
    save_frame(tmp_path, frame)
    frame[:3].to_parquet(tmp_path / "validation-00000-of-00001.parquet")
    assert_is(load_images("cifar10", tmp_path), images, labels)


def test_several_configurations_are_refused_by_name(tmp_path):
    images, labels = made()
    for configuration in ("plain_text", "binary"):
        frame = pd.DataFrame({"img": cells(images), "label": labels})
        save_frame(tmp_path / "cifar10" / configuration, frame)
    with pytest.raises(ZooError, match=r"in several configurations \(binary, plain_text\); give"):
        load_images("cifar10", tmp_path)
    assert_is(load_images("cifar10", tmp_path / "cifar10" / "binary"), images, labels)


def test_the_folder_of_another_set_is_no_configuration(tmp_path):
    images, labels = made("mnist")
    save_frame(tmp_path / "mnist", pd.DataFrame({"image": cells(images), "label": labels}))
    with pytest.raises(ZooError, match="no fashion_mnist in"):
        load_images("fashion_mnist", tmp_path)


def test_files_of_torchvision_come_before_folders_of_unknown_sets(tmp_path):
    """A folder beside them may hold a set that is not known here."""
    images, labels = made()
    for unknown in ("svhn", "stl10"):
        save_frame(tmp_path / unknown, pd.DataFrame({"img": cells(images), "label": labels}))
    (tmp_path / "cifar-10-batches-py").mkdir()
    with pytest.raises(ZooError, match="cannot be read by torchvision: Dataset not found"):
        load_images("cifar10", tmp_path)


def test_rows_keep_their_order_over_many_files(tmp_path):
    images, labels = made()
    frame = pd.DataFrame({"image": cells(images), "label": labels})
    for number in range(12):
        frame[number : number + 1].to_parquet(tmp_path / f"train-{number:05}-of-00012.parquet")
    frame[12:].to_parquet(tmp_path / "test.parquet")
    files = parquet.find("cifar10", tmp_path)
    assert [path.name for path in files["test"]] == ["test.parquet"]
    arrays = parquet.read("cifar10", files)
    assert arrays["train_labels"].tolist() == labels[:12].tolist()
    assert np.array_equal(arrays["test_images"], images[12:].transpose(0, 3, 1, 2))


@pytest.mark.parametrize("spoil", ["lost", "stale"])
def test_a_set_with_files_missing_or_of_two_divisions_is_refused(spoil, tmp_path):
    images, labels = made()
    frame = pd.DataFrame({"img": cells(images), "label": labels})
    for number in range(2):
        frame[:6].to_parquet(tmp_path / f"train-{number:05}-of-00002.parquet")
    save_frame(tmp_path, frame)
    if spoil == "lost":
        (tmp_path / "train-00000-of-00001.parquet").unlink()
        (tmp_path / "train-00001-of-00002.parquet").unlink()
    with pytest.raises(
        ZooError, match="does not hold all files of one set, .* train-00000-of-0000"
    ):
        load_images("cifar10", tmp_path)


@pytest.mark.parametrize(
    ("column", "value", "fault"),
    [
        ("img", {"bytes": b"damaged", "path": None}, "column 'img', row 7 .* no image, or damaged"),
        (
            "img",
            {"bytes": None, "path": "7.png"},
            "column 'img', row 7 holds no bytes but the path",
        ),
        ("img", None, "column 'img', row 7 holds no bytes"),
        (
            "img",
            cells([np.zeros((4, 6, 3), np.uint8)])[0],
            "column .img., row 7 holds an image of 6 x 4 pixels",
        ),
        ("label", 10, "column 'label', row 7 holds 10; classes are 0 to 9"),
        ("label", None, "column 'label', row 7 holds None, which is no class number"),
        ("label", 2.5, "column 'label', row 7 holds 2.5, which is no class number"),
    ],
)
def test_a_bad_cell_is_named(column, value, fault, tmp_path):
    images, labels = made()
    frame = pd.DataFrame({"img": cells(images), "label": labels.astype(object)})
    frame.at[7, column] = value
    if column == "label":
        frame["label"] = frame["label"].astype(float)
    save_frame(tmp_path, frame)
    with pytest.raises(ZooError, match=rf"train-00000-of-00001\.parquet, {fault}"):
        load_images("cifar10", tmp_path)


@pytest.mark.parametrize("content", [b"", b"PAR1", b"nothing"])
def test_what_is_no_parquet_file_is_named(content, tmp_path):
    images, labels = made()
    save_frame(tmp_path, pd.DataFrame({"img": cells(images), "label": labels}))
    (tmp_path / "train-00000-of-00001.parquet").write_bytes(content)
    fault = r"train-00000-of-00001\.parquet cannot be read as a Parquet file"
    with pytest.raises(ZooError, match=fault):
        load_images("cifar10", tmp_path)


@pytest.mark.parametrize(
    ("columns", "missing"),
    [({"img": "photo"}, "'img' or 'image', only photo, label"), ({"label": "y"}, "'label' or 'l")],
)
def test_a_missing_column_is_named(columns, missing, tmp_path):
    images, labels = made()
    frame = pd.DataFrame({"img": cells(images), "label": labels})
    save_frame(tmp_path, frame.rename(columns=columns))
    with pytest.raises(ZooError, match=rf"train-0.*parquet has no column {missing}"):
        load_images("cifar10", tmp_path)


def test_files_without_rows_are_counted(tmp_path):
    images, labels = made()
    frame = pd.DataFrame({"img": cells(images), "label": labels})
    save(tmp_path, frame[:0], frame[TRAIN:])
    schema = pq.read_schema(tmp_path / "test-00000-of-00001.parquet")
    pq.write_table(schema.empty_table(), tmp_path / "train-00000-of-00001.parquet")
    with pytest.raises(ZooError, match="has 0 train images; the published set 12"):
        load_images("cifar10", tmp_path)
