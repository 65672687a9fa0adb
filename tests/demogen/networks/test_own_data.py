import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

from demogen import Measure, Network, measure
from demogen.errors import ZooError

X = torch.randn(11, 3, 4, 4, generator=torch.Generator().manual_seed(0))
Y = torch.arange(11) % 5
PLAIN = nn.Sequential(nn.Flatten(), nn.Linear(48, 5))


class Items(Dataset):
    def __init__(self, item):
        self.item = item

    def __len__(self):
        return 11

    def __getitem__(self, index):
        return self.item(index)


class Stream(IterableDataset):
    def __iter__(self):
        return iter(zip(X, Y, strict=True))


@pytest.mark.parametrize(
    "given",
    [
        TensorDataset(X, Y),
        DataLoader(TensorDataset(X, Y), batch_size=4),
        Items(lambda i: (X[i], int(Y[i]))),
        Items(lambda i: (X[i].numpy(), Y[i].item(), "name")),
        Items(lambda i: {"pixel_values": X[i], "labels": Y[i]}),
        Stream(),
        X.numpy(),
    ],
    ids=["tensors", "loader", "pairs", "more", "dict", "stream", "array"],
)
def test_images_and_labels_of_a_dataset_or_loader(given):
    state = torch.get_rng_state()
    network = Network.of(PLAIN, given, *([Y] if type(given).__module__ == "numpy" else []))
    assert torch.equal(network.train.images, X)
    assert torch.equal(network.train.labels, Y)
    assert torch.equal(torch.get_rng_state(), state)


def test_images_alone_take_labels_and_test_inputs_lose_theirs():
    images = Items(lambda i: X[i])
    network = Network.of(PLAIN, images, Y, test_inputs=DataLoader(TensorDataset(X, Y)))
    assert torch.equal(network.train.images, X)
    assert torch.equal(network.test_inputs, X)


def test_a_loader_that_shuffles_brings_labels_in_its_order():
    network = Network.of(PLAIN, DataLoader(TensorDataset(X, Y), batch_size=4, shuffle=True))
    order = [int((image == X).flatten(1).all(1).nonzero()) for image in network.train.images]
    assert sorted(order) == list(range(11))
    assert torch.equal(network.train.labels, Y[order])
    with pytest.raises(ZooError, match="shuffles, so that labels given apart from it do not fit"):
        Network.of(PLAIN, DataLoader(Items(lambda i: X[i]), shuffle=True), Y)


@pytest.mark.parametrize(
    ("given", "labels", "message"),
    [
        (Items(lambda i: ("a picture", 1)), None, "items of tuple|items of list"),
        (Items(lambda i: (object(), 1)), None, "cannot be read: .*ToTensor"),
        (Items(lambda i: (X[i][:, : 1 + i % 3], 1)), None, "cannot be read"),
        (Items(lambda i: 1 / 0), None, "cannot be read: division"),
        (TensorDataset(X, Y), Y, "labels come with the dataset already"),
        (TensorDataset(X[:0], Y[:0]), None, "has no images"),
        (Items(lambda i: X[i]), None, "there are no labels"),
        (DataLoader(TensorDataset(X, Y), batch_size=None), None, "gives single images"),
        (TensorDataset((X * 9).byte(), Y), None, "images are uint8"),
    ],
)
def test_what_is_no_set_of_images_is_refused_in_a_line(given, labels, message):
    with pytest.raises(ZooError, match=message) as caught:
        Network.of(PLAIN, given, labels)
    assert "\n" not in str(caught.value)


def test_images_that_a_loader_leaves_out_are_told():
    with pytest.warns(RuntimeWarning, match="leaves out 3 of 11 images"):
        network = Network.of(PLAIN, DataLoader(TensorDataset(X, Y), batch_size=4, drop_last=True))
    assert len(network.train) == 8


class Fan(Measure):
    """Of weights alone."""

    name = "fan"

    def compute(self, network):
        return {"inputs": float(torch.Size(network.input_shape).numel()), "k": network.classes}


def test_a_measure_of_weights_alone_knows_shape_and_classes(tiny_zoo):
    assert measure(Fan(), Network.of(PLAIN, X, Y)) == {"inputs": 48.0, "k": 5.0}
    assert measure(Fan(), Network.of(PLAIN, X[:0], Y[:0])) == {"inputs": 48.0, "k": 5.0}
    table = measure(Fan(), tiny_zoo, cache=False)
    assert (table["inputs"] == 64).all()
    assert (table["k"] == 10).all()
