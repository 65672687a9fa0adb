import random
from contextlib import contextmanager, nullcontext

import numpy as np
import pytest
import torch
from torch import nn

from demogen import Access, Measure, Network, load_images, load_zoo, measure
from demogen.measuring.conformance import example_networks
from demogen.networks.torch_state import (
    _precisions,
    float32_products,
    ordinary_state,
    own_random_numbers,
)
from zoo_recipes.training import train_network


@contextmanager
def setting(read, write, value):
    before = read()
    write(value)
    try:
        yield
    finally:
        write(before)


def attribute(owner, name, value):
    return setting(lambda: getattr(owner, name), lambda found: setattr(owner, name, found), value)


@contextmanager
def default_device(device):
    torch.set_default_device(device)
    try:
        yield
    finally:
        torch.set_default_device(None)


@contextmanager
def flushed_denormals():
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)


@pytest.fixture(autouse=True)
def precisions_as_before():
    """The older interface cannot put back what the newer one said."""
    before = [place.fp32_precision for place in _precisions()]
    yield
    for place, precision in zip(_precisions(), before, strict=True):
        place.fp32_precision = precision


CALLERS = {
    "float64": lambda: setting(torch.get_default_dtype, torch.set_default_dtype, torch.float64),
    "float16": lambda: setting(torch.get_default_dtype, torch.set_default_dtype, torch.float16),
    "meta": lambda: default_device("meta"),
    "meta in a block": lambda: torch.device("meta"),
    "no gradients": torch.no_grad,
    "inference mode": torch.inference_mode,
    "mixed precision": lambda: torch.autocast("cpu", dtype=torch.bfloat16),
    "bfloat16 products": lambda: setting(
        torch.get_float32_matmul_precision, torch.set_float32_matmul_precision, "medium"
    ),
    "bfloat16 everywhere": lambda: attribute(torch.backends.mkldnn, "fp32_precision", "bf16"),
    "deterministic": lambda: setting(
        torch.get_deterministic_debug_mode, torch.set_deterministic_debug_mode, 2
    ),
    "anomalies": lambda: torch.autograd.set_detect_anomaly(True),
    "flushed": flushed_denormals,
    "no mkldnn": lambda: attribute(torch.backends.mkldnn, "enabled", False),
    "numpy raises": lambda: np.errstate(all="raise"),
    "numpy prints": lambda: np.printoptions(precision=1, threshold=2),
}


def state():
    """All that a caller may have set and we set differently."""
    return {
        "dtype": torch.get_default_dtype(),
        "device": torch.get_default_device(),
        "gradients": torch.is_grad_enabled(),
        "inference": torch.is_inference_mode_enabled(),
        "autocast": torch.is_autocast_enabled("cpu"),
        "products": torch.backends.mkldnn.matmul.fp32_precision,
        "convolutions": torch.backends.mkldnn.conv.fp32_precision,
        "cudnn": torch.backends.cudnn.conv.fp32_precision,
        "deterministic": torch.get_deterministic_debug_mode(),
        "anomalies": torch.is_anomaly_enabled(),
        "mkldnn": torch.backends.mkldnn.enabled,
        "flushed": (torch.tensor(1e-310, dtype=torch.float64, device="cpu") * 1).tolist(),
        "numpy": np.geterr(),
        "random": (
            torch.get_rng_state().tolist(),
            np.random.get_state()[1].tolist(),  # noqa: NPY002
            random.getstate(),
        ),
    }


class ReadsAll(Measure):
    """Needs gradients, new tensors, products, divisions by zero, and random numbers."""

    name = "reads-all"
    access = Access.INITIAL | Access.TRAIN | Access.TEST_INPUTS

    def compute(self, network):
        images = network.train.images[:16].requires_grad_()
        labels = network.train.labels[:16, None]
        network.module(images).gather(1, labels).sum().backward()
        with np.errstate(invalid="ignore"), torch.no_grad():
            return {
                "gradient": float(images.grad.abs().sum()),
                "initial": float(network.initial(network.test_inputs[:16]).sum()),
                "new": float((torch.ones(3, 4) @ torch.full((4, 5), 1 / 3)).sum()),
                "tiny": float(np.float64(1e-200) * np.float64(1e-200)),
                "drawn": float(torch.rand(())) + np.random.rand() + random.random(),  # noqa: NPY002
            }


@pytest.mark.parametrize("caller", CALLERS)
def test_a_zoo_gives_the_same_signatures_whatever_the_caller_has_set(tiny_zoo, caller):
    id = tiny_zoo.ids[0]
    expected = measure(ReadsAll(), tiny_zoo[id])
    torch.manual_seed(5)
    with CALLERS[caller]():
        before = state()
        # Opened anew, since a zoo keeps what it has read.
        network = load_zoo(tiny_zoo.storage.place)[id]
        assert measure(ReadsAll(), network) == expected
        assert state() == before


@pytest.mark.parametrize("caller", CALLERS)
def test_a_network_of_ones_own_is_taken_alike_whatever_the_caller_has_set(caller):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        x, y = torch.randn(20, 1, 8, 8), torch.arange(20) % 4
        net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 4))
    expected = measure(ReadsAll(), Network.of(net, x, y, initial=net, test_inputs=x))
    with CALLERS[caller]():
        before = state()
        network = Network.of(net, x.numpy(), y.tolist(), initial=net, test_inputs=x)
        assert state() == before
    assert network.module.taps == ("input", "h1", "h2", "h3")
    assert measure(ReadsAll(), network) == expected


def test_what_is_kept_from_a_first_call_does_not_carry_its_state_on(tiny_zoo):
    network = tiny_zoo[tiny_zoo.ids[0]]
    expected = measure(ReadsAll(), network)
    load_images("digits").__dict__.pop("channel_statistics", None)
    with (
        torch.inference_mode(),
        setting(torch.get_default_dtype, torch.set_default_dtype, torch.float64),
    ):
        again = load_zoo(tiny_zoo.storage.place)
        first = again[again.ids[0]]
        assert first.train.images.dtype is torch.float32
    assert not load_images("digits").channel_statistics[0].is_inference()
    assert measure(ReadsAll(), first) == expected


@pytest.mark.parametrize(
    "caller", ["float64", "meta", "inference mode", "mixed precision", "no mkldnn"]
)
def test_training_gives_the_same_network_whatever_the_caller_has_set(tiny_zoo, caller):
    spec = tiny_zoo.record(tiny_zoo.ids[0]).spec
    with CALLERS[caller]():
        before = state()
        trained = train_network(spec, load_images("digits"))
        assert state() == before
    assert trained.record == tiny_zoo.record(spec.id)


def test_example_networks_are_the_same_under_another_default_dtype():
    expected = example_networks()[0]
    with CALLERS["float64"]():
        found = example_networks()[0]
    for name, value in expected.module.state_dict().items():
        assert torch.equal(found.module.state_dict()[name], value)
    assert torch.equal(found.train.labels, expected.train.labels)


def test_a_fault_inside_restores_the_state_too():
    @ordinary_state(tf32=True)
    def fail():
        with own_random_numbers(3):
            raise KeyError(torch.rand(2))

    before = state()
    with pytest.raises(KeyError):
        fail()
    assert state() == before


@pytest.mark.parametrize("newer", [False, True])
def test_products_are_exact_inside_and_as_the_caller_set_them_afterwards(newer):
    everything = attribute(torch.backends, "fp32_precision", "tf32") if newer else nullcontext()
    with everything:
        before = state()
        with float32_products(tf32=False):
            # The older interface can be read, as torch and measures may do.
            assert torch.get_float32_matmul_precision() == "highest"
            assert not torch.backends.cudnn.allow_tf32
            assert not torch.backends.cuda.matmul.allow_tf32
        with float32_products(tf32=True):
            assert torch.backends.cuda.matmul.allow_tf32
            assert torch.backends.cudnn.allow_tf32
        assert state() == before
