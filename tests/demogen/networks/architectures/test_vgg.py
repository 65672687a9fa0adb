import pytest
import torch
from torch import nn

from demogen.images._torchvision import torchvision
from demogen.networks.architectures import build, parameter_count, skeleton, vgg
from demogen.networks.homogeneity import affine_layers
from demogen.schema.records import VGG
from tests.demogen.networks.architectures.specs import as_if_trained, images_like, spec_of

IMAGENET = (3, 224, 224)


def vgg16(**settings):
    return VGG(family="vgg", **settings)


@pytest.mark.parametrize(
    ("images", "batch_norm", "count"),
    [
        ("cifar100", False, 34_006_948),
        ("cifar100", True, 34_015_396),
        ("cifar10", False, 33_638_218),
        ("mnist", False, 33_637_066),
    ],
)
def test_vgg16_has_the_papers_parameters(images, batch_norm, count):
    assert parameter_count(skeleton(spec_of(vgg16(batch_norm=batch_norm), images))) == count


@pytest.mark.parametrize(("batch_norm", "count"), [(False, 138_357_544), (True, 138_365_992)])
def test_for_large_images_it_has_torchvisions_parameters(batch_norm, count):
    models = torchvision("models")
    with torch.device("meta"):
        module = vgg.construct(vgg16(batch_norm=batch_norm), IMAGENET, 1000)
        model = (models.vgg16_bn if batch_norm else models.vgg16)(init_weights=False)
    assert parameter_count(module) == count
    assert sum(parameter.numel() for parameter in model.parameters()) == count
    shapes = [tuple(tensor.shape) for tensor in module.state_dict().values()]
    assert shapes == [tuple(tensor.shape) for tensor in model.state_dict().values()]


def assert_same_logits(module, model, x, tolerance):
    theirs, ours = model.state_dict(), module.state_dict()
    model.load_state_dict(dict(zip(theirs, ours.values(), strict=True)), assign=True)
    with torch.no_grad():
        wanted = model.eval()(x)
        torch.testing.assert_close(module(x), wanted, rtol=0, atol=tolerance * wanted.abs().max())


def test_it_is_torchvisions_on_large_images():
    with torch.device("meta"):
        module = vgg.construct(vgg16(dropout=0.5), IMAGENET, 1000)
        model = torchvision("models").vgg16(init_weights=False)
    module = module.to_empty(device="cpu")
    with torch.no_grad():
        # Cheap numbers that differ everywhere and neither vanish nor explode: uniform He.
        generator = torch.Generator().manual_seed(0)
        for layer in module.modules():
            if isinstance(layer, nn.Conv2d | nn.Linear):
                bound = (6 / layer.weight[0].numel()) ** 0.5
                layer.weight.uniform_(-bound, bound, generator=generator)
                layer.bias.uniform_(-0.1, 0.1, generator=generator)
    x = torch.randn(1, *IMAGENET, generator=torch.Generator().manual_seed(1))
    # float32: sums of 25,088 products may be taken in another order.
    assert_same_logits(module.eval(), model, x, 1e-5)


@pytest.mark.parametrize("batch_norm", [False, True])
def test_it_is_torchvisions_on_small_images(batch_norm):
    spec = spec_of(vgg16(batch_norm=batch_norm, dropout=0.3), "cifar100")
    module = as_if_trained(build(spec)).double()
    models = torchvision("models")
    with torch.device("meta"):
        build_model = models.vgg16_bn if batch_norm else models.vgg16
        model = build_model(num_classes=100, init_weights=False)
        model.classifier[0] = nn.Linear(512, 4096)
    model.avgpool = nn.Identity()
    # float64: only the order of sums may differ.
    x = images_like(spec.data, dtype=torch.float64)
    assert_same_logits(module, model, x, 1e-10)
    if batch_norm:
        ours, theirs = module.get_submodule("block1_conv1.norm"), model.features[1]
        assert (ours.eps, ours.momentum) == (theirs.eps, theirs.momentum)


def output_of(module, name, x):
    for key, layer in module.chain():
        x = layer(x)
        if key == name:
            return x
    raise AssertionError(f"no layer {name}")


@pytest.mark.parametrize(("batch_norm", "last"), [(False, "conv"), (True, "norm")])
def test_taps_are_the_hidden_layers_before_relu(batch_norm, last):
    spec = spec_of(vgg16(width=4, dense=6, batch_norm=batch_norm))
    module = as_if_trained(build(spec))
    x = images_like(spec.data)
    places = {
        "h1": f"block3_conv1.{last}",
        "h2": f"block4_conv3.{last}",
        "h3": "dense2",
        "units": "block5_relu3",
    }
    with torch.no_grad():
        shapes = []
        for place, layer in places.items():
            found = module.forward_to(place, x)
            assert torch.equal(found, output_of(module, layer, x))
            shapes.append(tuple(found.shape[1:]))
        assert shapes == [(16, 8, 8), (32, 4, 4), (6,), (32, 2, 2)]
        before = module.forward_to("units", x)
        assert torch.equal(before, output_of(module, f"block5_conv3.{last}", x).relu())


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, []),
        ({"dropout": 0.3}, ["dense1_dropout", "dense2_dropout"]),
        ({"dropout": 0.3, "dropout_layers": "first"}, ["dense1_dropout"]),
    ],
)
def test_dropout_comes_after_the_relu_of_dense_layers(settings, expected):
    chain = build(spec_of(vgg16(width=1, dense=3, **settings), "digits")).chain()
    names = [name for name, _ in chain]
    found = [(name, layer.p) for name, layer in chain if isinstance(layer, nn.Dropout)]
    assert found == [(name, 0.3) for name in expected]
    for name in expected:
        assert names[names.index(name) - 1] == name.replace("dropout", "relu")


@pytest.mark.parametrize(("images", "last"), [("digits", 1), ("mnist", 1), ("cifar10", 1)])
def test_small_images_pass_five_pools(images, last):
    spec = spec_of(vgg16(width=2, dense=3), images)
    module = as_if_trained(build(spec))
    pooled = output_of(module, "block5_pool", images_like(spec.data))
    assert tuple(pooled.shape[1:]) == (16, last, last)


def test_a_pool_rounds_up_and_loses_no_position():
    module = build(spec_of(vgg16(width=1, dense=1)))
    row = torch.arange(7.0).expand(1, 1, 7, 7)
    assert module.get_submodule("block1_pool")(row)[0, 0, 0].tolist() == [1, 3, 5, 6]


def test_its_affine_layers_are_sixteen_in_order():
    module = as_if_trained(build(spec_of(vgg16(width=2, dense=3, batch_norm=True), "mnist")))
    layers = affine_layers(module, (1, 28, 28))
    assert [layer.input_shape for layer in layers] == [
        *[(1, 28, 28), (2, 28, 28), (2, 14, 14), (4, 14, 14)],
        *[(4, 7, 7), (8, 7, 7), (8, 7, 7), (8, 4, 4), (16, 4, 4), (16, 4, 4)],
        *[(16, 2, 2), (16, 2, 2), (16, 2, 2), (16,), (3,), (3,)],
    ]


def test_state_keys_are_stable():
    keys = list(skeleton(spec_of(vgg16(batch_norm=True, dropout=0.5))).state_dict())
    assert keys[:3] == [
        "block1_conv1.conv.weight",
        "block1_conv1.conv.bias",
        "block1_conv1.norm.weight",
    ]
    assert keys[-6:] == [
        *("dense1.weight", "dense1.bias", "dense2.weight", "dense2.bias"),
        *("classifier.weight", "classifier.bias"),
    ]
    assert {"block5_conv3.conv.weight", "block5_conv3.norm.running_mean"} < set(keys)
