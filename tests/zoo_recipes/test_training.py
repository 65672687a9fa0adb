import pytest
import torch

from demogen import architectures, checkpoints
from demogen.images import load_images
from demogen.schema import MLP, Data, NetworkSpec, NiN, Training, sha256
from zoo_recipes.training import Diverged, evaluate, label_digest, train_network


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


def by_hand(spec, digits, optimizer_of):
    """The same training written out plainly, without channels-last or fused kernels."""
    module = architectures.build(spec)
    part = digits.training_part(spec.data)
    x, y = digits.standardize(part.images, "image"), part.labels
    optimizer = optimizer_of(module)
    generator = torch.Generator().manual_seed(spec.seed + 1)
    for _ in range(spec.training.epochs):
        order = torch.randperm(len(y), generator=generator)
        for batch in order.split(spec.training.batch_size):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(module(x[batch]), y[batch]).backward()
            optimizer.step()
    return module.state_dict()


def test_sgd_decays_kernels_only_and_follows_its_formula(digits):
    settings = {"optimizer": "sgd", "momentum": 0.9, "learning_rate": 0.05, "l2": 0.1}
    asked = spec(MLP(family="mlp", width=8, depth=3, bias="all"), **settings)

    def optimizer_of(module):
        groups = [
            {"params": [parameter], "weight_decay": 0.1 if "weight" in name else 0.0}
            for name, parameter in module.named_parameters()
        ]
        return torch.optim.SGD(groups, lr=0.05, momentum=0.9)

    trained = checkpoints.from_bytes(train_network(asked, digits).weights, "trained")
    expected = by_hand(asked, digits, optimizer_of)
    for name, value in expected.items():
        assert torch.allclose(trained[name], value, atol=1e-6), name


def test_learning_rate_falls_after_every_so_many_epochs(digits):
    decayed = spec(MLP(family="mlp", width=8, depth=2), epochs=2, decay_epochs=1, decay=1e-9)
    once = spec(MLP(family="mlp", width=8, depth=2), epochs=1)
    two, one = (
        checkpoints.from_bytes(train_network(s, digits).weights, "trained") for s in (decayed, once)
    )
    assert all(torch.allclose(two[name], one[name], atol=1e-6) for name in one)


def test_record_says_what_came_out(digits):
    asked = spec(corruption=0.5, epochs=6)
    trained = train_network(asked, digits)
    record = trained.record
    module = architectures.skeleton(asked)
    module = checkpoints.load_into(module, checkpoints.from_bytes(trained.weights, ""), "")
    module.eval()
    part = digits.training_part(asked.data)
    train = evaluate(module, digits.standardize(part.images, "image"), part.labels)
    test = evaluate(module, digits.standardize(digits.test.images, "image"), digits.test.labels)
    assert (record.train_accuracy, record.test_accuracy) == pytest.approx((train[0], test[0]))
    assert record.train_cross_entropy == pytest.approx(train[1], rel=1e-5)
    assert record.test_cross_entropy == pytest.approx(test[1], rel=1e-5)
    assert record.gap == record.train_accuracy - record.test_accuracy
    assert record.labels == label_digest(part.labels)
    assert (record.epochs_run, record.stopped) == (6, "epochs")
    initial = checkpoints.to_bytes(architectures.build(asked).state_dict())
    assert record.initial_sha256 == sha256(initial)
    assert train_network(spec(epochs=1), digits).record.labels is None


def test_evaluation_is_the_plain_mean_over_all_images(digits):
    module = architectures.build(spec()).eval()
    x, y = digits.standardize(digits.train.images, "image"), digits.train.labels
    x, y = torch.cat([x, x[:500]]), torch.cat([y, y[:500]])
    logits = module(x).detach().double()
    accuracy, loss = evaluate(module, x, y)
    assert accuracy == (logits.argmax(1) == y).double().mean().item()
    expected = -logits.log_softmax(1)[torch.arange(1500), y].mean()
    assert loss == pytest.approx(expected.item(), rel=1e-6)


def test_training_stops_at_the_accuracy_asked_for(digits):
    record = train_network(
        spec(NiN(family="nin", width=16), stop_accuracy=0.3, epochs=40), digits
    ).record
    assert record.stopped == "accuracy"
    assert record.epochs_run < 40


def test_augmentation_changes_what_is_learned_and_is_reproducible(digits):
    augmented = spec(augmentation=("crop", "flip", "shift"))
    first, second = (train_network(augmented, digits).weights for _ in range(2))
    assert first == second != train_network(spec(), digits).weights


def test_divergence_is_found_out(digits):
    wild = spec(MLP(family="mlp", width=8, depth=3), optimizer="sgd", learning_rate=1e20)
    with pytest.raises(Diverged, match="training loss is .* in epoch"):
        train_network(wild, digits)
