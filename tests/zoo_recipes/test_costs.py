from demogen.schema.records import MLP, ConvNet, Data, NetworkSpec, NiN, Training
from zoo_recipes.costs import image_passes, plan_cost

CIFAR10 = Data(images="cifar10")


def spec(architecture=None, data=CIFAR10, **training):
    return NetworkSpec(
        architecture=architecture or NiN(family="nin", width=192),
        data=data,
        training=Training(**training),
    )


def test_images_that_pass_in_training_by_hand():
    evaluated = 50_000 + 10_000
    assert image_passes(spec(epochs=7)) == 3 * 7 * 50_000 + evaluated
    pretrained = spec(epochs=7, pretrain_epochs=2)
    assert image_passes(pretrained) == 3 * 9 * 50_000 + evaluated
    snapshots = spec(epochs=7, pretrain_epochs=2, snapshot_loss=0.1)
    assert image_passes(snapshots) == (3 * 9 + 7) * 50_000 + evaluated
    part = spec(data=Data(images="cifar10", train_size=500), epochs=7)
    assert image_passes(part) == 3 * 7 * 500 + 500 + 10_000


def test_images_that_pass_in_steps_by_hand():
    evaluated = 50_000 + 10_000
    # An epoch has 390 batches of 128 and one of 80.
    assert image_passes(spec(steps=10)) == 3 * 10 * 128 + evaluated
    assert image_passes(spec(steps=392)) == 3 * (50_000 + 128) + evaluated
    assert image_passes(spec(steps=2 * 391)) == 3 * 100_000 + evaluated
    assert image_passes(spec(steps=392, snapshot_loss=0.1)) == (
        3 * (50_000 + 128) + 2 * 50_000 + evaluated
    )
    # Each iteration of L-BFGS looks at all images where it starts and where it tries to go.
    lbfgs = spec(steps=5, optimizer="lbfgs", batch_size=7)
    assert image_passes(lbfgs) == 3 * 5 * 2 * 50_000 + evaluated


def test_a_plan_adds_up_its_networks():
    mlp = MLP(family="mlp", width=20, depth=2)
    conv = ConvNet(family="convnet", channels=(8,), batch_norm=True, bias="none")
    specs = [spec(mlp, epochs=1), spec(mlp, epochs=2), spec(conv, epochs=3)]
    dense = 3072 * 20 + 20 * 10
    weights, outputs = 75 * 8, 28 * 28
    classifier = 8 * outputs * 10
    cost = plan_cost(specs)
    assert cost.networks == 3
    assert cost.bytes == 4 * (2 * dense + weights + classifier + 4 * 8)
    assert cost.operations == 2 * (
        dense * (3 * 3 * 50_000 + 2 * 60_000)
        + (weights * outputs + classifier) * (3 * 3 * 50_000 + 60_000)
    )
    assert plan_cost([]).operations == 0
