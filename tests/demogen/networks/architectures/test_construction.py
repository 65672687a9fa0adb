import math

import pytest
import torch

from demogen.errors import ZooError
from demogen.networks import architectures
from demogen.networks.architectures import build, parameter_count, skeleton
from demogen.schema.records import MLP, ConvNet, Data, NetworkSpec, NiN, Training


def spec(architecture, images="cifar10", seed=0):
    data = Data(images=images)
    return NetworkSpec(architecture=architecture, data=data, training=Training(), seed=seed)


@pytest.mark.parametrize(
    ("width", "batch_norm", "count"),
    [
        (192, False, 922_378),
        (288, False, 2_047_114),
        (384, False, 3_614_218),
        (192, True, 925_834),
        (288, True, 2_052_298),
        (384, True, 3_621_130),
    ],
)
def test_nin_has_the_papers_parameters(width, batch_norm, count):
    module = skeleton(spec(NiN(family="nin", width=width, batch_norm=batch_norm)))
    assert parameter_count(module) == count


@pytest.mark.parametrize(
    ("settings", "images", "count"),
    [
        ({"channels": (24, 24)}, "cifar10", 154_464),
        ({"channels": (34, 34)}, "mnist", 165_784),
        ({"channels": (64, 64), "stride": 2, "padding": 2, "bias": "none"}, "cifar10", 148_160),
        (
            {"channels": (16,) * 4, "kernel": 3, "stride": 2, "padding": 2, "bias": "all"},
            "cifar10",
            9_978,
        ),
    ],
)
def test_convnets_have_the_papers_parameters(settings, images, count):
    module = skeleton(spec(ConvNet(family="convnet", **settings), images))
    assert parameter_count(module) == count


@pytest.mark.parametrize(
    ("images", "classes", "count"), [("cifar10", 10, 135_616), ("cifar100", 100, 181_696)]
)
def test_parameters_of_the_five_layer_convnet(images, classes, count):
    # Puzzles 2019 says "about 188,810", which no stride and no choice of biases gives.
    convnet = ConvNet(
        family="convnet", channels=(32, 64, 64, 128), kernel=3, stride=2, padding=1, batch_norm=True
    )
    kernels = 9 * (3 * 32 + 32 * 64 + 64 * 64 + 64 * 128) + 128 * 2 * 2 * classes
    assert kernels + 32 + 2 * (32 + 64 + 64 + 128) == count
    assert parameter_count(skeleton(spec(convnet, images))) == count


def test_mlp_has_no_biases_and_depth_counts_weight_layers():
    module = skeleton(spec(MLP(family="mlp", width=7, depth=4), "mnist"))
    assert parameter_count(module) == 784 * 7 + 7 * 7 + 7 * 7 + 7 * 10


@pytest.mark.parametrize(("images", "sizes"), [("cifar10", (16, 8, 4)), ("digits", (4, 2, 1))])
def test_nin_taps_shrink_by_two_and_are_taken_before_relu(images, sizes):
    module = build(spec(NiN(family="nin", width=8, batch_norm=True, dropout=0.2), images)).eval()
    shape = (3, 32, 32) if images == "cifar10" else (1, 8, 8)
    logits, activations = module.forward_with_taps(torch.randn(5, *shape))
    assert logits.shape == (5, 10)
    for tap, size in zip(("h1", "h2", "h3"), sizes, strict=True):
        assert activations[tap].shape == (5, 8, size, size)
        assert (activations[tap] < 0).any()
    assert torch.equal(
        module.forward_to("units", activations["input"]), activations["h3"].clamp_min(0)
    )


def test_nin_drops_out_after_blocks_one_and_two():
    module = build(spec(NiN(family="nin", width=4, dropout=0.5), "digits"))
    order = [name for name, layer in module.chain() if type(layer) is torch.nn.Dropout]
    assert order == ["block2.dropout", "block3.dropout"]
    assert [name for name, _ in module.chain()][:8] == [
        *("block1.conv1", "block1.relu1", "block1.conv2", "block1.relu2", "block1.conv3"),
        *("block2.relu0", "block2.dropout", "block2.conv1"),
    ]


def test_nin_as_the_released_code_has_it_keeps_what_the_paper_drops_and_pads_behind():
    settings = {"width": 4, "dropout": 0.2, "dropout_is": "kept", "dropout_after": "all"}
    released = NiN(family="nin", same_padding="tensorflow", **settings)
    module = build(spec(released))
    dropouts = {n: x.p for n, x in module.chain() if type(x) is torch.nn.Dropout}
    assert list(dropouts) == ["block2.dropout", "block3.dropout", "dropout"]
    assert list(dropouts.values()) == pytest.approx([0.8] * 3)
    names = [name for name, _ in module.chain()]
    assert names[names.index("dropout") - 1 :][:3] == ["relu", "dropout", "classifier.conv"]
    plain = build(spec(NiN(family="nin", width=4)))
    assert module.state_dict().keys() == plain.state_dict().keys()
    for block in (1, 2, 3):
        conv = module.get_submodule(f"block{block}.conv1")
        symmetric = plain.get_submodule(f"block{block}.conv1")
        symmetric.load_state_dict(conv.state_dict())
        x = torch.randn(2, conv.in_channels, 8, 8)
        # Its windows begin one pixel later: on the image moved by one they see the same.
        moved = torch.nn.functional.pad(x, (1, 0, 1, 0))[:, :, :8, :8]
        with torch.no_grad():
            inner = symmetric(x)[:, :, :3, :3]
            assert torch.allclose(conv(moved)[:, :, :3, :3], inner, atol=1e-6)
            assert not torch.allclose(conv(x), symmetric(x), atol=1e-2)


def test_a_network_named_without_dropout_drops_nothing_in_either_sense():
    module = build(spec(NiN(family="nin", width=4, dropout_is="kept", dropout_after="all")))
    assert not any(type(layer) is torch.nn.Dropout for _, layer in module.chain())


@pytest.mark.parametrize(
    ("depth", "stages"),
    [
        (2, ("layer1", "layer1", "layer1")),
        (3, ("layer1", "layer2", "layer2")),
        (10, ("layer3", "layer6", "layer9")),
    ],
)
def test_taps_of_an_mlp_are_its_hidden_layers(depth, stages):
    module = build(spec(MLP(family="mlp", width=6, depth=depth), "digits"))
    x = torch.randn(3, 1, 8, 8)
    _, activations = module.forward_with_taps(x)
    for tap, stage in zip(("h1", "h2", "h3"), stages, strict=True):
        y = x
        for name, layer in module.chain():
            y = layer(y)
            if name == stage:
                break
        assert torch.equal(activations[tap], y)


def test_initial_weights_depend_on_the_seed_alone():
    first = build(spec(NiN(family="nin", width=8, batch_norm=True), seed=1)).state_dict()
    torch.manual_seed(99)
    state = torch.get_rng_state()
    again = build(spec(NiN(family="nin", width=8, batch_norm=True), seed=1)).state_dict()
    other = build(spec(NiN(family="nin", width=8, batch_norm=True), seed=2)).state_dict()
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["block1.conv1.weight"], other["block1.conv1.weight"])


def test_initial_weights_have_the_papers_variance():
    nin = build(spec(NiN(family="nin", width=192)))
    weight = nin.get_submodule("block1.conv2").weight
    assert weight.abs().max() <= math.sqrt(6 / (192 + 192))
    assert weight.var().item() == pytest.approx(2 / (192 + 192), rel=0.02)
    assert not nin.get_submodule("block1.conv2").bias.any()
    for activation, gain in {"relu": 2, "relu6": 2, "hardsigmoid": 2, "tanh": 1}.items():
        mlp = build(spec(MLP(family="mlp", width=500, depth=3, activation=activation), "mnist"))
        found = mlp.get_submodule("layer2").weight.var().item()
        assert found == pytest.approx(gain / 500, rel=0.02)


def test_hard_sigmoid_is_the_papers():
    module = build(spec(MLP(family="mlp", width=6, depth=2, activation="hardsigmoid"), "digits"))
    x = torch.tensor([-2.0, -0.5, 0.0, 0.25, 3.0])
    assert module.get_submodule("activation1")(x).tolist() == [0, 0, 0.5, 0.75, 1]


def test_images_too_small_for_a_convnet_are_said():
    with pytest.raises(ZooError, match="too small for 2 such convolutions"):
        skeleton(spec(ConvNet(family="convnet", channels=(4, 4)), "digits"))


def test_unknown_image_set_is_said():
    with pytest.raises(ZooError, match="no image set 'cifar-10'; did you mean 'cifar10'"):
        architectures.build(spec(NiN(family="nin", width=4), "cifar-10"))
