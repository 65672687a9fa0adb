from collections import OrderedDict

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.optim.swa_utils import AveragedModel

from demogen import Network, TappedModule, measure
from demogen.errors import ZooError
from demogen.measuring.predictor import Measure
from demogen.networks.network import Access

IMAGES = torch.randn(20, 1, 4, 4, generator=torch.Generator().manual_seed(0))
LABELS = torch.arange(20) % 5


def network_module(**layers):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        stages = OrderedDict(
            conv=nn.Conv2d(1, 3, 3, padding=1),
            norm=nn.BatchNorm2d(3),
            dropout=nn.Dropout(0.5),
            relu=nn.ReLU(),
            head=nn.Sequential(nn.Flatten(), nn.Linear(48, 5)),
        )
    return TappedModule(OrderedDict(stages | layers), {"h1": "norm"}, units="relu")


class Slopes(Measure):
    """Mean margin and mean squared gradient: labels, logits and derivatives all count."""

    name = "slopes"
    access = Access.TRAIN

    def compute(self, network):
        x = network.train.images.to(next(network.module.parameters()).dtype).requires_grad_()
        with torch.enable_grad():
            chosen = network.module(x).gather(1, network.train.labels[:, None])
            (gradient,) = torch.autograd.grad(chosen.sum(), x)
        return {"score": float(chosen.detach().mean()), "slope": float(gradient.square().mean())}


@pytest.fixture(scope="module")
def expected():
    return measure(Slopes(), Network.of(network_module(), IMAGES, LABELS))


@pytest.mark.parametrize(
    "labels",
    [
        LABELS.to(torch.uint8),
        LABELS.to(torch.int32),
        LABELS[:, None],
        LABELS.double(),
        F.one_hot(LABELS, 5),
        F.one_hot(LABELS, 5).float(),
        F.one_hot(LABELS, 5).bool(),
        LABELS.numpy(),
        LABELS.numpy().astype(np.uint16),
        LABELS.numpy()[::-1].copy()[::-1],
        LABELS.tolist(),
    ],
    ids=lambda labels: f"{type(labels).__name__} {getattr(labels, 'dtype', '')}",
)
def test_labels_of_any_type_and_shape_mean_the_same(labels, expected):
    network = Network.of(network_module(), IMAGES, labels)
    assert network.train.labels.dtype == torch.int64
    assert measure(Slopes(), network) == expected


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (LABELS + 0.5, "not all whole numbers"),
        (LABELS * float("nan"), "not all whole numbers"),
        (torch.where(LABELS == 3, -100, LABELS), "4 of 20 labels are negative .* -100"),
        (LABELS + 1, "largest label is 5, and the network has 5 outputs: labels are 0 to 4"),
        (F.one_hot(LABELS, 6)[:, [0, 1, 2, 3, 5, 4]], "largest label is 5"),
        (torch.full((20, 5), 0.2), "not all whole numbers"),
        (torch.ones(20, 5), "not one-hot"),
        (F.one_hot(LABELS, 5)[:, None], r"shape \(20, 1, 5\), not \(n,\)"),
        (LABELS[:7], "20 images but 7 labels"),
        (["cat"] * 20, "no tensor or array of numbers"),
        (np.array(["cat"] * 20), "no tensor or array of numbers"),
        (None, "there are no labels"),
        (torch.tensor(3), "one entry an image"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_labels_that_are_no_classes_are_refused_in_a_line(labels, message):
    with pytest.raises(ZooError, match=message) as caught:
        Network.of(network_module(), IMAGES, labels)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "images",
    [
        IMAGES.numpy(),
        IMAGES.double().numpy(),
        IMAGES.numpy()[::-1].copy()[::-1],
        np.frombuffer(IMAGES.numpy().tobytes(), np.float32).reshape(IMAGES.shape),
        IMAGES.clone(),
    ],
    ids=["float32", "float64", "reversed", "read-only", "tensor"],
)
def test_images_of_numpy_and_other_precisions(images, expected):
    assert measure(Slopes(), Network.of(network_module(), images, LABELS)) == expected


def test_images_and_network_made_in_inference_mode(expected):
    with torch.inference_mode():
        module, images, labels = network_module(), IMAGES.clone(), LABELS.clone()
        assert measure(Slopes(), Network.of(module, images, labels)) == expected
    assert measure(Slopes(), Network.of(module, images, labels)) == expected
    leaf = IMAGES.clone().requires_grad_()
    assert not Network.of(module, leaf * 1, LABELS).train.images.requires_grad


@pytest.mark.parametrize(
    ("images", "message"),
    [
        ((IMAGES * 50).to(torch.uint8), "images are uint8.* floating-point"),
        (IMAGES[:, :, :3], r"does not run on images of shape \(n, 1, 3, 4\)"),
        (IMAGES[:, 0], "does not run on images"),
        (IMAGES.to_sparse(), "no dense tensor"),
    ],
    ids=["integers", "cut", "no channel", "sparse"],
)
def test_images_that_the_network_does_not_take(images, message):
    with pytest.raises(ZooError, match=message):
        Network.of(network_module(), images, LABELS)


class Compiled(nn.Module):
    """As torch.compile wraps a module; importing what it needs takes seconds."""

    __module__ = "torch._dynamo.eval_frame"

    def __init__(self, module):
        super().__init__()
        self._orig_mod = module


@pytest.mark.parametrize(
    "wrap",
    [
        nn.DataParallel,
        Compiled,
        lambda module: nn.DataParallel(nn.DataParallel(module)),
        AveragedModel,
    ],
    ids=["DataParallel", "compile", "twice", "average"],
)
def test_wrappers_are_taken_off(wrap, expected):
    network = Network.of(wrap(network_module()), IMAGES, LABELS)
    assert network.module.taps == ("input", "h1")
    assert measure(Slopes(), network) == expected


def test_a_child_called_module_is_no_wrapped_network():
    layers = OrderedDict(module=nn.Sequential(nn.Flatten(), nn.Linear(16, 8)), head=nn.Linear(8, 5))
    plain = nn.Sequential(layers)
    network = Network.of(plain, IMAGES, LABELS)
    torch.testing.assert_close(network.module(IMAGES), plain(IMAGES))


def test_a_plain_module_is_put_into_stages():
    plain = nn.Sequential(nn.Flatten(), nn.Linear(16, 8), nn.ReLU(inplace=True), nn.Linear(8, 5))
    network = Network.of(plain, IMAGES, LABELS)
    assert network.module.taps == ("input", "h1", "h2", "h3")
    assert network.module.has_units
    assert [type(layer) for _, layer in network.module.chain()] == [type(layer) for layer in plain]
    torch.testing.assert_close(network.module(IMAGES), plain.eval()(IMAGES))


class Returning(nn.Module):
    def __init__(self, output):
        super().__init__()
        self.output = output

    def forward(self, x):
        return self.output(x)


@pytest.mark.parametrize(
    ("output", "message"),
    [
        (lambda x: (x, x), "gives a tuple, not a tensor of logits"),
        (lambda x: {"logits": x}, "gives a dict"),
        (lambda x: x[:, 0], r"float32 of shape \(16,\), not logits \(16, classes\)"),
        (lambda x: x[:, :, None], r"shape \(16, 5, 1\)"),
        (lambda x: x.argmax(1, keepdim=True), "int64"),
        (lambda x: x.softmax(1), "probabilities"),
        (lambda x: x.log_softmax(1), "log-probabilities"),
    ],
)
def test_outputs_that_are_no_logits_are_refused(output, message):
    module = network_module(last=Returning(output))
    with pytest.raises(ZooError, match=message):
        Network.of(module, IMAGES, LABELS)


def test_outputs_of_sigmoids_are_warned_of():
    with pytest.warns(RuntimeWarning, match="sigmoid"):
        Network.of(network_module(last=nn.Sigmoid()), IMAGES, LABELS)


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (lambda: lambda x: x, "torch.nn.Module, not a function"),
        (lambda: nn.Flatten(), "no parameters"),
        (lambda: network_module(last=nn.LazyLinear(5)), "last.weight has no shape yet"),
        (lambda: network_module().to("meta"), "meta device"),
        (
            lambda: nn.Sequential(
                nn.Flatten(),
                nn.ParameterList([nn.Parameter(torch.ones(1, dtype=torch.int8), False)]),
            ),
            "int8",
        ),
    ],
    ids=["function", "no parameters", "lazy", "meta", "integers"],
)
def test_modules_that_are_no_trained_networks(module, message):
    with pytest.raises(ZooError, match=message):
        Network.of(module(), IMAGES, LABELS)


def test_quantized_layers_are_named():
    class Linear(nn.Module):
        __module__ = "torch.ao.nn.quantized.dynamic.modules.linear"

    with pytest.raises(ZooError, match="layer 'last' .Linear. is quantized"):
        Network.of(network_module(last=Linear()), IMAGES, LABELS)


def test_what_cannot_be_copied_is_named():
    module = network_module()
    module.trainer = (line for line in ())
    with pytest.raises(ZooError, match="cannot be copied.*generator"):
        Network.of(module, IMAGES, LABELS)


def test_an_initial_network_of_another_shape_is_refused():
    other = network_module(head=nn.Sequential(nn.Flatten(), nn.Linear(48, 7)))
    with pytest.raises(ZooError, match=r"head\.1\.bias is \(7,\) in it and \(5,\) in the network"):
        Network.of(network_module(), IMAGES, LABELS, initial=other)


class Fails(Slopes):
    name = "fails"

    def compute(self, network):
        x = network.train.images.clone().requires_grad_()
        network.module.requires_grad_(True)(x).sum().backward()
        network.module.train()
        network.train.images.zero_()
        raise ValueError("on the way")


@pytest.mark.parametrize("chosen", [Slopes(), Fails()], ids=["measured", "failed"])
def test_training_goes_on_as_if_nothing_had_been_measured(chosen):
    module = network_module()
    seen = []
    module.conv.register_full_backward_hook(lambda *_: seen.append(1))
    module.conv.weight.requires_grad_(False)
    module.norm.eval()
    module(IMAGES.clone().requires_grad_()).sum().backward()
    seen.clear()
    modes = {name: layer.training for name, layer in module.named_modules()}
    needed = {name: weight.requires_grad for name, weight in module.named_parameters()}
    gradients = {name: weight.grad for name, weight in module.named_parameters()}
    state = {name: value.clone() for name, value in module.state_dict().items()}
    hooks = {name: len(layer._forward_hooks) for name, layer in module.named_modules()}
    random_state = torch.get_rng_state()
    images = IMAGES.clone()
    network = Network.of(module, images, LABELS, initial=module)
    try:
        measure(chosen, network)
    except ValueError:
        assert isinstance(chosen, Fails)
    assert modes == {name: layer.training for name, layer in module.named_modules()}
    assert needed == {name: weight.requires_grad for name, weight in module.named_parameters()}
    for name, weight in module.named_parameters():
        assert weight.grad is gradients[name]
    for name, value in module.state_dict().items():
        assert torch.equal(value, state[name])
    assert hooks == {name: len(layer._forward_hooks) for name, layer in module.named_modules()}
    assert torch.equal(torch.get_rng_state(), random_state)
    assert not seen


def test_backward_hooks_do_not_change_derivatives(expected):
    module = network_module()
    module.conv.register_full_backward_hook(lambda _, into, __: tuple(9 * g for g in into))
    assert measure(Slopes(), Network.of(module, IMAGES, LABELS)) == expected


def test_owners_of_hooks_are_not_copied(expected):
    class Trainer:
        def __init__(self):
            self.data = (line for line in ())

        def hook(self, module, given, result):
            return None

    module = network_module()
    module.conv.register_forward_hook(Trainer().hook)
    assert measure(Slopes(), Network.of(module, IMAGES, LABELS)) == expected


@pytest.mark.parametrize("size", [0, -1, 2.5, "8", None])
def test_a_batch_size_that_is_no_number_of_images_is_refused(size):
    with pytest.raises(ZooError, match=f"batch_size is {size!r}"):
        Network.of(network_module(), IMAGES, LABELS, batch_size=size)


def test_a_batch_size_may_be_a_number_of_numpys(expected):
    network = Network.of(network_module(), IMAGES, LABELS, batch_size=np.int64(7))
    assert type(network.batch_size) is int
    assert measure(Slopes(), network) == expected


def test_autocast_around_a_measurement_does_not_round_it(expected):
    network = Network.of(network_module(), IMAGES, LABELS)
    with torch.autocast("cpu", torch.bfloat16):
        assert measure(Slopes(), network) == expected


@pytest.mark.filterwarnings("ignore:.*weight_norm:FutureWarning")
def test_weights_that_a_hook_computes_are_evaluated(expected):
    module = network_module()
    torch.nn.utils.weight_norm(module.conv)
    module(IMAGES)
    found = measure(Slopes(), Network.of(module.eval(), IMAGES, LABELS))
    plain = network_module()
    plain.load_state_dict(
        {name: value for name, value in module.state_dict().items() if "weight_" not in name},
        strict=False,
    )
    assert found == pytest.approx(measure(Slopes(), Network.of(plain, IMAGES, LABELS)), rel=1e-5)
    assert module.conv.weight.requires_grad


def test_siblings_are_networks_of_the_same_shape():
    def module(width):
        return nn.Sequential(nn.Linear(4, width), nn.ReLU(), nn.Linear(width, 3))

    images, labels = torch.randn(24, 4), torch.arange(24) % 3
    network = Network.of(module(5), images, labels, siblings=[module(5), module(5)])
    assert len(network.siblings) == 2
    assert not any(
        parameter.requires_grad for each in network.siblings for parameter in each.parameters()
    )
    with pytest.raises(ZooError, match="one of `siblings` is no network of the same configuration"):
        Network.of(module(5), images, labels, siblings=[module(6)])
    with pytest.raises(ZooError, match="comes without siblings"):
        _ = Network.of(module(5), images, labels).siblings
