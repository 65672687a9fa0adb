import numpy as np
import pytest
from sklearn.base import clone

from baselines.dummy import HYPERPARAMETERS, MEAN_GAP, Hyperparameters, ParameterCount, level
from demogen.networks.architectures import build
from demogen.networks.network import Network
from demogen.schema.records import MLP, Data, NetworkSpec, NiN, Training


def spec(architecture=None, data=None, training=None, **more):
    return NetworkSpec(
        architecture=architecture or NiN(family="nin", width=4),
        data=data or Data(images="digits"),
        training=training or Training(),
        **more,
    )


def signature(asked):
    network = Network.of(build(asked), images=(), labels=(), spec=asked)
    return Hyperparameters().compute(network)


def test_every_setting_counts_and_no_seed():
    base = signature(spec())
    assert not set(base) & {"seed", "copy_number", "subset_seed", "corruption_seed"}
    assert signature(spec(seed=5, copy_number=2)) == base
    assert signature(spec(data=Data(images="digits", subset_seed=1, corruption_seed=2))) == base
    changes = {
        "l2": spec(training=Training(l2=0.1)),
        "augmentation": spec(training=Training(augmentation=("flip",))),
        "optimizer": spec(training=Training(optimizer="adam")),
        "decay_epochs": spec(training=Training(decay_epochs=3)),
        "corruption": spec(data=Data(images="digits", corruption=0.2)),
        "batch_norm": spec(NiN(family="nin", width=4, batch_norm=True)),
        "width": spec(NiN(family="nin", width=5)),
    }
    for name, changed in changes.items():
        different = {key for key, value in signature(changed).items() if value != base[key]}
        assert different == {name}


def test_all_families_have_the_same_features():
    mlp = signature(spec(MLP(family="mlp", width=4, depth=3)))
    nin = signature(spec())
    assert set(mlp) == set(nin)
    assert (mlp["depth"], nin["depth"]) == (3.0, -1.0)
    assert nin["channels"] == mlp["channels"] == -1.0


def test_levels_are_stable_numbers():
    assert [level(x) for x in (3, 0.25, True, False, None)] == [3, 0.25, 1, 0, -1]
    # crc32 of the JSON text, fixed for good: measured tables hold these numbers.
    assert level("sgd") == 2646652649.0
    assert level([24, 24]) == level((24, 24)) != level([24])


def test_an_unknown_level_counts_as_the_average_of_the_known():
    levels = [level(name) for name in ("relu", "tanh", "hardtanh")]
    X = np.array([[a, w] for a in levels for w in (100.0, 200.0) for _ in range(2)])
    effect = {levels[0]: 0.1, levels[1]: 0.2, levels[2]: 0.6, 100.0: 0.0, 200.0: 0.05}
    gaps = np.array([effect[a] + effect[w] for a, w in X])
    model = clone(HYPERPARAMETERS.regressor).fit(X, gaps)
    assert model.predict(X) == pytest.approx(gaps)
    unknown = model.predict([[level("relu6"), 200.0]])
    assert unknown == pytest.approx([0.3 + 0.05])


def test_the_mean_needs_no_feature():
    gaps = np.array([0.1, 0.2, 0.6])
    assert MEAN_GAP.design([]) == []
    model = clone(MEAN_GAP.regressor).fit(np.empty((3, 0)), gaps)
    assert model.predict(np.empty((2, 0))) == pytest.approx([0.3, 0.3])


def test_parameters_are_counted(make_network):
    network = make_network("nin-bn")
    count = sum(
        p.numel()
        for key, p in network.module.state_dict().items()
        if "running" not in key and "tracked" not in key
    )
    assert ParameterCount().compute(network) == {"parameters": count}
