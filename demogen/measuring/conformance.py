"""check_predictor: the conformance suite that any predictor runs through, ours included."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.base import clone, is_regressor

from demogen._util.random_states import random_states
from demogen.errors import AccessError, PredictorError
from demogen.measuring.predictor import Measure, Predictor, Signature
from demogen.measuring.predictor_names import as_predictor
from demogen.measuring.together import compute_signature
from demogen.networks import architectures
from demogen.networks.network import Access, Network
from demogen.networks.torch_state import ordinary_state, own_random_numbers
from demogen.schema.image_sets import facts
from demogen.schema.records import (
    MLP,
    VGG,
    AnyFamily,
    ConvNet,
    Data,
    NetworkSpec,
    NiN,
    ResNet,
    Training,
)

TOLERANCE = 1e-6
"""Relative; the networks below are float64, so only the order of sums may change a value."""

_IMAGES = 48
_ARCHITECTURES: tuple[AnyFamily, ...] = (
    NiN(family="nin", width=6, batch_norm=True),
    NiN(family="nin", width=5, dropout=0.2),
    ConvNet(family="convnet", channels=(4, 5), kernel=3),
    MLP(family="mlp", width=12, depth=4),
    MLP(family="mlp", width=9, depth=3, activation="tanh"),
    ResNet(family="resnet", depth=8, width=3),
    ResNet(family="resnet", depth=8, width=4, norm="group"),
    VGG(family="vgg", width=2, dense=8, batch_norm=True, dropout=0.5),
)
"""Of the example networks; the numbers of each are drawn from its place here."""


@dataclass(frozen=True)
class Failure:
    """One check that a predictor does not pass."""

    check: str
    reason: str


def check_predictor(predictor: str | Predictor | Measure) -> None:
    """Run every check; an installed predictor may be named, a bare Measure has all its columns.

    The measure is tried on small networks of several families in float64, some with batch norm,
    one with a class missing from its labels. Takes about a second for a cheap measure.

    Raises:
        PredictorError: at least one check fails; all that fail are named.
    """
    predictor = as_predictor(predictor)
    failures = list(failed_checks(predictor))
    if failures:
        listed = "; ".join(f"{failure.check}: {failure.reason}" for failure in failures)
        raise PredictorError(
            f"predictor {predictor.name!r} fails {len(failures)} check(s): {listed}"
        )


def failed_checks(predictor: Predictor) -> Iterator[Failure]:
    """Every check that fails, in a fixed order; without signatures most checks are not made."""
    measure = predictor.measure
    for check in (_is_described, _constructor_only_stores):
        yield from _run(check, measure)
    networks = [network for network in example_networks() if _defined(measure, network)]
    if not networks:
        yield Failure("is_defined_somewhere", "it is not applicable to any of the example networks")
        return
    try:
        signatures = [_signature(measure, network) for network in networks]
    except AccessError as error:
        yield Failure("keeps_to_its_access", str(error))
        return
    except Exception as error:
        yield Failure("measures_examples", f"{type(error).__name__}: {error}")
        return
    names = sorted({feature for signature in signatures for feature in signature})
    if measure.absent is None and any(sorted(signature) != names for signature in signatures):
        yield Failure("same_features_for_all_networks", f"features differ among networks: {names}")
        return
    for network, signature in zip(networks, signatures, strict=True):
        for network_check in (
            _is_deterministic,
            _leaves_the_network_alone,
            _ignores_batch_size,
            _ignores_sample_order,
        ):
            yield from _run(network_check, measure, network, signature)
    # As in a zoo: a feature that a network does not give has the value for absent ones.
    filled = [{name: one.get(name, measure.absent) for name in names} for one in signatures]
    yield from _run(_regressor_fits, predictor, filled)


def example_networks() -> list[Network]:
    """Small float64 networks with random weights, each with all that a measure may ask for."""
    return [_example(architecture, seed) for seed, architecture in enumerate(_ARCHITECTURES)]


@ordinary_state()
def _example(architecture: AnyFamily, seed: int) -> Network:
    data = Data(images="digits")
    spec = NetworkSpec(architecture=architecture, data=data, training=Training(), seed=seed)
    generator = torch.Generator().manual_seed(seed)
    shape, classes = facts("digits").shape, facts("digits").classes
    images = torch.randn(_IMAGES, *shape, generator=generator, dtype=torch.float64)
    test_inputs = torch.randn(_IMAGES, *shape, generator=generator, dtype=torch.float64)
    module, initial = architectures.build(spec).double(), architectures.build(spec).double()
    with torch.no_grad():
        for parameter in module.parameters():
            noise = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
            parameter.add_(0.1 * parameter.abs().mean().clamp_min(0.1) * noise)
        # Batch norm gets running statistics other than its initial ones; dropout draws meanwhile.
        with own_random_numbers(seed):
            module.train()
            module(images)
        module.eval()
        # The classes that the network predicts, a few of them changed, so that it is mostly right.
        labels = module(images).argmax(1)
        labels[::7] = (labels[::7] + 1) % classes
    labels[labels == classes - 1] = 0
    return Network.of(
        module,
        images,
        labels,
        initial=initial,
        test_inputs=test_inputs,
        spec=spec,
        siblings=[initial],
        batch_size=_IMAGES,
        id=f"example-{architecture.family}-{seed}",
    )


def _defined(measure: Measure, network: Network) -> bool:
    return measure.applicable(network.module) is None


def _signature(measure: Measure, network: Network) -> Signature:
    return compute_signature(clone(measure), network)


def _run(check: Callable[..., None], *arguments: object) -> Iterator[Failure]:
    try:
        check(*arguments)
    except AssertionError as error:
        yield Failure(check.__name__.lstrip("_"), str(error))
    except Exception as error:
        yield Failure(check.__name__.lstrip("_"), f"{type(error).__name__}: {error}")


def _require(holds: bool, reason: str) -> None:
    if not holds:
        raise AssertionError(reason)


def _is_described(measure: Measure) -> None:
    name = getattr(measure, "name", None)
    _require(isinstance(name, str) and bool(name), "its class sets no `name`")
    slug = str(name).replace("-", "")
    _require(slug.isalnum() and slug == slug.lower(), f"name {name!r} is not lower-case-hyphened")
    _require(
        isinstance(measure.version, int) and measure.version >= 1, "`version` is no number ≥ 1"
    )
    _require(isinstance(measure.access, Access), "`access` is no demogen.Access")


def _constructor_only_stores(measure: Measure) -> None:
    parameters = measure.get_params()
    _require(clone(measure).get_params() == parameters, "a clone has other parameters")
    for name, value in parameters.items():
        kept = getattr(type(measure)(**{name: value}), name)
        _require(kept is value, f"the constructor changes parameter {name!r}")


def _is_deterministic(measure: Measure, network: Network, signature: Signature) -> None:
    # Not by `compute_signature`, in which global generators always start from the same seed.
    with ordinary_state(), own_random_numbers(1, network.device):
        before = random_states()
        computed = clone(measure).compute(network.view(measure.access))
        drawn = random_states() != before
    second = {feature: float(value) for feature, value in computed.items()}
    _require(second == signature, f"a second run on {network.id} gives other numbers")
    _require(not drawn, "it draws from the global random state")


def _leaves_the_network_alone(measure: Measure, network: Network, signature: Signature) -> None:
    before = {name: value.clone() for name, value in network.module.state_dict().items()}
    _signature(measure, network)
    after = network.module.state_dict()
    changed = [name for name in before if not torch.equal(before[name], after[name])]
    _require(not changed, f"it changes {changed} of {network.id}")
    _require(not network.module.training, "it leaves the network in training mode")
    with_gradient = [name for name, p in network.module.named_parameters() if p.requires_grad]
    _require(not with_gradient, f"it leaves requires_grad on {with_gradient}")


def _ignores_batch_size(measure: Measure, network: Network, signature: Signature) -> None:
    other = network.view(measure.access)
    other.batch_size = 7
    _require_close(compute_signature(clone(measure), other), signature, "another batch size")


def _ignores_sample_order(measure: Measure, network: Network, signature: Signature) -> None:
    order = torch.randperm(_IMAGES, generator=torch.Generator().manual_seed(3))
    shuffled = Network.of(
        network.module,
        network.train.images[order],
        network.train.labels[order],
        initial=network.initial,
        test_inputs=network.test_inputs[order],
        spec=network.spec,
        siblings=network.siblings,
        batch_size=_IMAGES,
        id=network.id,
    )
    _require_close(_signature(measure, shuffled), signature, "another order of the samples")


def _require_close(signature: Signature, expected: Signature, what: str) -> None:
    _require(signature.keys() == expected.keys(), f"{what} gives other features")
    for feature, value in expected.items():
        scale = max(abs(value), 1e-12)
        off = abs(signature[feature] - value) / scale
        _require(off <= TOLERANCE, f"{what} changes {feature} by {off:.1e} relative")


def _regressor_fits(predictor: Predictor, signatures: list[Signature]) -> None:
    _require(is_regressor(predictor.regressor), "its regressor is no scikit-learn regressor")
    columns = predictor.design(sorted(signatures[0]))
    design = np.array([[signature[column] for column in columns] for signature in signatures])
    # More rows than examples, spread around them, so that every regressor has enough to fit.
    rows = np.concatenate([design * (1 + 0.01 * step) for step in range(8)])
    gaps = np.linspace(0.0, 0.5, len(rows))
    fitted = clone(predictor.regressor).fit(rows, gaps)
    predicted = np.asarray(fitted.predict(rows))
    _require(predicted.shape == gaps.shape, f"it predicts shape {predicted.shape} for {gaps.shape}")
    _require(bool(np.isfinite(predicted).all()), "it predicts values that are not finite")
