import math

import pytest
import torch

from demogen.images.image_set import load_images
from demogen.networks import architectures
from demogen.schema.records import MLP, ConvNet, Data, NetworkSpec, NiN, Training, sha256
from demogen.zoo.weights import from_bytes, load_into, to_bytes
from zoo_recipes.optimization import Diverged
from zoo_recipes.training import (
    SUMMED_VALUES,
    label_digest,
    swap_labels,
    takes_channels_last,
    train_network,
)


@pytest.fixture(scope="module")
def digits():
    return load_images("digits")


def spec(architecture=None, corruption=0.0, **training):
    settings = {"optimizer": "adam", "learning_rate": 0.01, "batch_size": 25, "epochs": 3}
    return NetworkSpec(
        architecture=architecture or NiN(family="nin", width=6, batch_norm=True, dropout=0.2),
        data=Data(images="digits", train_size=100, corruption=corruption),
        training=Training(**{**settings, **training}),
        seed=11,
    )


def test_same_spec_same_weights_whatever_else_is_going_on(digits):
    first = train_network(spec(), digits)
    threads = torch.get_num_threads()
    torch.manual_seed(77)
    state = torch.get_rng_state()
    second = train_network(spec(), digits)
    assert second.record == first.record
    assert second.weights == first.weights
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.get_num_threads() == threads
    assert sha256(first.weights) == first.record.weights_sha256


def test_another_seed_gives_other_weights(digits):
    other = spec().model_copy(update={"seed": 12})
    assert train_network(other, digits).weights != train_network(spec(), digits).weights


def test_record_says_what_came_out(digits):
    asked = spec(corruption=0.5, epochs=6)
    trained = train_network(asked, digits)
    record = trained.record
    module = architectures.skeleton(asked)
    module = load_into(module, from_bytes(trained.weights, ""), "")
    module.eval()
    part = digits.training_part(asked.data)
    for name, x, y in (
        ("train", part.images, part.labels),
        ("test", digits.test.images, digits.test.labels),
    ):
        logits = module(digits.standardize(x, "image")).detach().double()
        accuracy = (logits.argmax(1) == y).double().mean().item()
        loss = -logits.log_softmax(1)[torch.arange(len(y)), y].mean().item()
        assert getattr(record, f"{name}_accuracy") == accuracy
        assert getattr(record, f"{name}_cross_entropy") == pytest.approx(loss, rel=1e-5)
    assert record.gap == record.train_accuracy - record.test_accuracy
    assert record.labels == label_digest(part.labels)
    assert (record.epochs_run, record.steps_run, record.kept_epoch) == (6, 24, 6)
    assert record.stopped == "epochs"
    initial = to_bytes(architectures.build(asked).state_dict())
    assert record.initial_sha256 == sha256(initial)
    assert train_network(spec(epochs=1), digits).record.labels is None


def test_augmentation_changes_what_is_learned_and_is_reproducible(digits):
    augmented = spec(augmentation=("crop", "flip", "shift"))
    first, second = (train_network(augmented, digits).weights for _ in range(2))
    assert first == second != train_network(spec(), digits).weights


def test_divergence_is_found_out(digits):
    wild = spec(MLP(family="mlp", width=8, depth=3), optimizer="sgd", learning_rate=1e20)
    with pytest.raises(Diverged, match="training loss is .* in epoch"):
        train_network(wild, digits)


def test_normalized_losses_are_those_of_the_network_whose_weights_are_divided(digits):
    asked = spec(ConvNet(family="convnet", channels=(4, 5), kernel=3, bias="all"), epochs=4)
    trained = train_network(asked, digits)
    weights = from_bytes(trained.weights, "trained")
    divided, product = {}, 1.0
    for layer in ("layer1.conv", "layer2.conv", "classifier.dense"):
        weight, bias = weights[f"{layer}.weight"].double(), weights[f"{layer}.bias"].double()
        squares = weight.square().sum() + (bias.square().sum() if layer == "layer1.conv" else 0)
        product *= squares.sqrt()
        divided[f"{layer}.weight"], divided[f"{layer}.bias"] = (
            weight / squares.sqrt(),
            bias / product,
        )
    module = architectures.build(asked).double().eval()
    module.load_state_dict(divided)
    part = digits.training_part(asked.data)
    for name, x, y in (
        ("train", part.images, part.labels),
        ("test", digits.test.images, digits.test.labels),
    ):
        loss = torch.nn.functional.cross_entropy(module(digits.standardize(x, "image").double()), y)
        found = getattr(trained.record, f"{name}_normalized_cross_entropy")
        assert found == pytest.approx(loss.item(), rel=1e-7)
        # All such losses are near ln 10: what is compared is how far they are from it.
        assert abs(found - loss.item()) < 1e-3 * abs(loss.item() - math.log(10))


def test_what_is_not_positively_homogeneous_has_no_normalized_loss(digits):
    tanh = MLP(family="mlp", width=8, depth=3, activation="tanh")
    record = train_network(spec(tanh, epochs=1), digits).record
    assert record.train_normalized_cross_entropy is None
    assert record.test_normalized_cross_entropy is None
    assert record.corrupted_test_accuracy is None


def test_corrupted_test_labels_are_recorded_beside_the_true_ones(digits):
    asked = spec(MLP(family="mlp", width=16, depth=2))
    data = asked.data.model_copy(update={"test_corruption": 1.0})
    record = train_network(asked.model_copy(update={"data": data}), digits).record
    plain = train_network(asked, digits).record
    assert record.test_accuracy == plain.test_accuracy
    assert record.corrupted_test_accuracy < 0.3 < record.test_accuracy
    assert record.corrupted_test_cross_entropy > record.test_cross_entropy
    assert record.corrupted_test_normalized_cross_entropy > record.test_normalized_cross_entropy


def test_networks_see_the_center_of_the_images(digits):
    asked = spec(MLP(family="mlp", width=8, depth=2))
    data = asked.data.model_copy(update={"center_crop": 4})
    asked = asked.model_copy(update={"data": data})
    trained = train_network(asked, digits)
    module = architectures.build(asked)
    module.load_state_dict(from_bytes(trained.weights, "trained"))
    x = digits.standardize(digits.test.images[:, :, 2:6, 2:6], "image")
    accuracy = (module(x).argmax(1) == digits.test.labels).double().mean().item()
    assert trained.record.test_accuracy == accuracy


def test_pretraining_starts_from_swapped_labels(digits):
    mlp = MLP(family="mlp", width=16, depth=2)
    plain = train_network(spec(mlp), digits).record
    clean = train_network(spec(mlp, pretrain_epochs=3), digits).record
    swapped = train_network(spec(mlp, pretrain_epochs=3, pretrain_corruption=1.0), digits).record
    assert clean.train_cross_entropy < plain.train_cross_entropy < swapped.train_cross_entropy
    assert (swapped.epochs_run, swapped.steps_run) == (plain.epochs_run, plain.steps_run)


@pytest.mark.parametrize(("fraction", "count"), [(0.0, 0), (0.01, 10), (0.3, 300), (1.0, 1000)])
def test_labels_are_swapped_among_a_portion_of_the_samples(fraction, count):
    labels = torch.arange(1000)
    swapped = swap_labels(labels, fraction, torch.Generator().manual_seed(0))
    assert int((swapped != labels).sum()) == count
    assert torch.equal(swapped.sort().values, labels)


def test_precision_is_part_of_the_network(digits):
    exact, mixed = spec(epochs=1), spec(epochs=1, precision="bfloat16")
    assert exact.id != mixed.id
    threads = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    trained = train_network(mixed, digits)
    assert trained.weights != train_network(exact, digits).weights
    weights = from_bytes(trained.weights, "trained")
    assert weights["block1.conv1.weight"].dtype == torch.float32
    train_network(spec(epochs=1, precision="tf32"), digits)
    assert (torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32) == threads


@pytest.mark.parametrize(
    ("architecture", "images", "batch_size", "device", "expected"),
    [
        (NiN(family="nin", width=4, batch_norm=True), "cifar10", 128, "cpu", True),
        (NiN(family="nin", width=4, batch_norm=True), "cifar10", 129, "cpu", False),
        (NiN(family="nin", width=4, batch_norm=True), "cifar10", 512, "cuda:0", True),
        (NiN(family="nin", width=4), "cifar10", 512, "cpu", True),
        (NiN(family="nin", width=4, batch_norm=True), "digits", 512, "cpu", True),
        (MLP(family="mlp", width=4, depth=2), "digits", 16, "cpu", False),
    ],
)
def test_large_batches_are_normed_on_contiguous_images(
    architecture, images, batch_size, device, expected
):
    asked = NetworkSpec(
        architecture=architecture,
        data=Data(images=images),
        training=Training(batch_size=batch_size),
    )
    assert takes_channels_last(architectures.skeleton(asked), asked, device) is expected


@pytest.mark.parametrize("mean", [0.0, 1.0, 1000.0])
def test_variances_of_batches_that_are_channels_last_are_right(mean):
    values = torch.randn(
        SUMMED_VALUES // 256, 2, 16, 16, generator=torch.Generator().manual_seed(0)
    )
    x = (values + mean).contiguous(memory_format=torch.channels_last)
    norm = torch.nn.BatchNorm2d(2, momentum=1.0)
    norm(x)
    exact = x.double().var(dim=(0, 2, 3))
    assert norm.running_var.tolist() == pytest.approx(exact.tolist(), rel=1e-4)
