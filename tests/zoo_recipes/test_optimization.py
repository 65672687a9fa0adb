"""The training loop against the same training written out plainly, update by update."""

import pytest
import torch

from demogen.images.image_set import load_images
from demogen.networks import architectures
from demogen.schema.records import MLP, Data, NetworkSpec, NiN, Training
from zoo_recipes.batches import Batches
from zoo_recipes.optimization import optimize

COUNT, BATCH = 100, 30
MLP_SMALL = MLP(family="mlp", width=8, depth=3, bias="all")


@pytest.fixture(scope="module")
def digits():
    return load_images("digits")


def asked(architecture=MLP_SMALL, **training):
    settings = {"batch_size": BATCH, "epochs": 3, **training}
    if "steps" in training:
        settings.pop("epochs")
    data = Data(images="digits", train_size=COUNT)
    return NetworkSpec(architecture=architecture, data=data, training=Training(**settings), seed=5)


def trained(spec, digits):
    torch.manual_seed(0)
    module = architectures.build(spec).double()
    part = digits.training_part(spec.data)
    batches = Batches(part.images, spec, digits, "cpu", channels_last=False)
    batches._inputs = batches._inputs.double()
    generator = torch.Generator().manual_seed(1)
    course = optimize(module, batches, part.labels, spec.training, generator)
    return module, course


def by_hand(spec, digits, update, rates=(0.1, 0.1, 0.1), loss=torch.nn.functional.cross_entropy):
    """Plain loops over epochs and batches; `update(state, w, g, rate)` gives the new weight."""
    module = architectures.build(spec).double()
    part = digits.training_part(spec.data)
    x, y = digits.standardize(part.images, "image").double(), part.labels
    generator = torch.Generator().manual_seed(1)
    states = {name: {} for name, _ in module.named_parameters()}
    for rate in rates:
        for batch in torch.randperm(COUNT, generator=generator).split(BATCH):
            module.zero_grad()
            loss(module(x[batch]), y[batch]).backward()
            with torch.no_grad():
                for name, weight in module.named_parameters():
                    weight.copy_(update(states[name], weight, weight.grad, rate))
    return module


def assert_same(found, wanted):
    for (name, one), other in zip(found.named_parameters(), wanted.parameters(), strict=True):
        assert torch.allclose(one, other, rtol=1e-9, atol=1e-12), name


def sgd(state, weight, gradient, rate):
    return weight - rate * gradient


def momentum(state, weight, gradient, rate):
    state["v"] = 0.5 * state.get("v", 0) + gradient
    return weight - rate * state["v"]


def nesterov(state, weight, gradient, rate):
    state["v"] = 0.5 * state.get("v", 0) + gradient
    return weight - rate * (gradient + 0.5 * state["v"])


def adam(state, weight, gradient, rate):
    state["n"] = state.get("n", 0) + 1
    state["m"] = 0.9 * state.get("m", 0) + 0.1 * gradient
    state["s"] = 0.999 * state.get("s", 0) + 0.001 * gradient**2
    mean, square = state["m"] / (1 - 0.9 ** state["n"]), state["s"] / (1 - 0.999 ** state["n"])
    return weight - rate * mean / (square.sqrt() + 1e-8)


def rmsprop(state, weight, gradient, rate):
    state["s"] = 0.9 * state.get("s", 0) + 0.1 * gradient**2
    return weight - rate * gradient / (state["s"].sqrt() + 1e-10)


@pytest.mark.parametrize(
    ("update", "settings"),
    [
        (sgd, {"optimizer": "sgd"}),
        (sgd, {"optimizer": "momentum", "momentum": 0.0, "nesterov": True}),
        (momentum, {"optimizer": "momentum", "momentum": 0.5}),
        (nesterov, {"optimizer": "momentum", "momentum": 0.5, "nesterov": True}),
        (adam, {"optimizer": "adam"}),
        (rmsprop, {"optimizer": "rmsprop"}),
    ],
)
def test_optimizers_follow_their_formulas(update, settings, digits):
    spec = asked(learning_rate=0.1, **settings)
    module, course = trained(spec, digits)
    assert_same(module, by_hand(spec, digits, update))
    assert (course.epochs, course.steps, course.stopped, course.kept_epoch) == (3, 12, "epochs", 3)


@pytest.mark.parametrize("optimizer", ["momentum", "adam"])
@pytest.mark.parametrize("where", ["kernels", "all"])
def test_l2_is_half_the_squares_of_kernels_or_of_all(optimizer, where, digits):
    spec = asked(optimizer=optimizer, momentum=0.5, learning_rate=0.1, l2=0.3, l2_on=where)

    def decayed(state, weight, gradient, rate):
        acts = where == "all" or weight.ndim > 1
        rule = momentum if optimizer == "momentum" else adam
        return rule(state, weight, gradient + 0.3 * weight * acts, rate)

    module, _ = trained(spec, digits)
    assert_same(module, by_hand(spec, digits, decayed))


@pytest.mark.parametrize(
    ("schedule", "rates"),
    [
        ({"decay_epochs": 2, "decay": 0.5}, [0.1, 0.1, 0.05, 0.05, 0.025]),
        ({"decay_at": (1, 4), "decay": 0.1}, [0.1, 0.01, 0.01, 0.01, 0.001]),
        # The loss never falls by 100: the first epoch is the best, the next two are the plateau.
        ({"plateau_epochs": 2, "plateau_delta": 100.0, "decay": 0.5}, [0.1, 0.1, 0.1, 0.05, 0.05]),
        # It falls in every epoch: the rate stays.
        ({"plateau_epochs": 1, "plateau_delta": 0.0}, [0.1] * 5),
    ],
)
def test_learning_rate_falls_as_its_schedule_says(schedule, rates, digits):
    spec = asked(optimizer="sgd", learning_rate=0.1, epochs=5, **schedule)
    module, _ = trained(spec, digits)
    assert_same(module, by_hand(spec, digits, sgd, rates))


def test_squared_loss_sums_over_classes(digits):
    spec = asked(optimizer="sgd", learning_rate=0.01, loss="squared")

    def squared(logits, labels):
        return ((logits - torch.eye(10).double()[labels]) ** 2).sum() / len(labels)

    module, _ = trained(spec, digits)
    assert_same(module, by_hand(spec, digits, sgd, (0.01, 0.01, 0.01), squared))


def test_steps_end_training_within_an_epoch(digits):
    spec = asked(optimizer="sgd", learning_rate=0.1, steps=6)
    module, course = trained(spec, digits)
    assert (course.epochs, course.steps, course.stopped) == (2, 6, "steps")
    left = iter([0.1] * 6)
    wanted = by_hand(spec, digits, lambda s, w, g, r: w, ())
    generator = torch.Generator().manual_seed(1)
    part = digits.training_part(spec.data)
    x = digits.standardize(part.images, "image").double()
    for _ in range(2):
        for batch in torch.randperm(COUNT, generator=generator).split(BATCH):
            if next(left, None) is None:
                break
            wanted.zero_grad()
            torch.nn.functional.cross_entropy(wanted(x[batch]), part.labels[batch]).backward()
            with torch.no_grad():
                for weight in wanted.parameters():
                    weight -= 0.1 * weight.grad
    assert_same(module, wanted)


def test_training_stops_at_an_accuracy(digits):
    _, course = trained(asked(optimizer="adam", stop_accuracy=0.6, epochs=200), digits)
    assert course.stopped == "accuracy"
    assert 1 < course.epochs < 100
    _, at_once = trained(asked(stop_accuracy=0.0), digits)
    assert (at_once.stopped, at_once.epochs) == ("accuracy", 1)


def test_training_stops_at_a_learning_rate(digits):
    settings = {"learning_rate": 0.1, "decay_epochs": 2, "decay": 0.1, "epochs": 50}
    _, course = trained(asked(stop_learning_rate=1.1e-3, **settings), digits)
    assert (course.stopped, course.epochs) == ("learning_rate", 4)


def losses_after_each_epoch(spec, digits, epochs):
    part = digits.training_part(spec.data)
    x = digits.standardize(part.images, "image").double()
    for count in range(1, epochs + 1):
        training = spec.training.model_copy(
            update={"epochs": count, "snapshot_loss": None, "snapshot_tolerance": None}
        )
        module, _ = trained(spec.model_copy(update={"training": training}), digits)
        yield module, torch.nn.functional.cross_entropy(module(x), part.labels).item()


def test_the_snapshot_nearest_a_loss_is_kept(digits):
    spec = asked(optimizer="momentum", learning_rate=0.02, epochs=6)
    states, losses = zip(*losses_after_each_epoch(spec, digits, 6), strict=True)
    wanted = losses[2] + 1e-3
    near = spec.training.model_copy(update={"snapshot_loss": wanted})
    module, course = trained(spec.model_copy(update={"training": near}), digits)
    assert (course.epochs, course.kept_epoch) == (6, 3)
    assert_same(module, states[2])
    tight = near.model_copy(update={"snapshot_tolerance": 5e-4})
    module, course = trained(spec.model_copy(update={"training": tight}), digits)
    assert course.kept_epoch == 6
    assert_same(module, states[5])


def test_lbfgs_finds_the_minimum_of_a_convex_problem(digits):
    """With one layer and l2 the minimum is unique: scipy's is the reference."""
    import numpy as np
    from scipy.optimize import minimize

    spec = asked(optimizer="lbfgs", learning_rate=1.0, steps=400, l2=0.1)
    part = digits.training_part(spec.data)
    x, y = digits.standardize(part.images, "image").double().flatten(1).numpy(), part.labels.numpy()
    module = torch.nn.Linear(64, 10, bias=False).double()
    stages = torch.nn.Sequential(torch.nn.Flatten(), module)
    batches = Batches(part.images, spec, digits, "cpu", channels_last=False)
    batches._inputs = batches._inputs.double()
    course = optimize(stages, batches, part.labels, spec.training, torch.Generator())

    def objective(flat):
        logits = x @ flat.reshape(10, 64).T
        shifted = logits - logits.max(1, keepdims=True)
        probabilities = np.exp(shifted) / np.exp(shifted).sum(1, keepdims=True)
        loss = -np.log(probabilities[np.arange(COUNT), y]).mean() + 0.05 * flat @ flat
        probabilities[np.arange(COUNT), y] -= 1
        return loss, (probabilities.T @ x / COUNT).ravel() + 0.1 * flat

    best = minimize(objective, np.zeros(640), jac=True, method="L-BFGS-B", options={"gtol": 1e-10})
    found = module.weight.detach().numpy().ravel()
    assert objective(found)[0] == pytest.approx(best.fun, rel=1e-9)
    assert found == pytest.approx(best.x, abs=1e-4)
    assert course.stopped == "converged"
    assert course.steps < 400


def test_a_full_batch_step_does_not_depend_on_chunks(digits, monkeypatch):
    from zoo_recipes import optimization

    spec = asked(optimizer="lbfgs", learning_rate=0.5, steps=5, l2=0.01)
    whole, _ = trained(spec, digits)
    monkeypatch.setattr(optimization, "EVALUATION_BATCH", 33)
    chunked, _ = trained(spec, digits)
    assert_same(chunked, whole)


def test_dropout_and_batch_norm_train_in_training_mode(digits):
    spec = asked(NiN(family="nin", width=4, batch_norm=True, dropout=0.5), epochs=1)
    module, _ = trained(spec, digits)
    assert module.training
    assert module.state_dict()["block1.norm1.num_batches_tracked"] == 4
