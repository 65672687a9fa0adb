import pytest
import torch

from demogen.errors import CorruptZooError
from demogen.networks import architectures
from demogen.schema.records import ConvNet, Data, NetworkSpec, Training
from demogen.zoo.in_place import InPlace
from demogen.zoo.weights import load_into, to_bytes

CONVNET = ConvNet(family="convnet", channels=(2, 3), kernel=3, batch_norm=True)


def built(seed):
    spec = NetworkSpec(
        architecture=CONVNET, data=Data(images="digits"), training=Training(), seed=seed
    )
    module = architectures.build(spec).eval()
    tensors = {name: tensor.detach().clone() for name, tensor in module.state_dict().items()}
    tensors["layer1.norm.num_batches_tracked"] += seed
    return spec, tensors


@pytest.fixture
def place():
    return InPlace(architectures.skeleton(built(0)[0]))


def test_one_after_the_other_is_what_it_would_be_if_it_were_loaded(place):
    x = torch.randn(3, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    for seed in (1, 2):
        spec, tensors = built(seed)
        alone = load_into(architectures.skeleton(spec), tensors, "it").eval()
        assert bytes(place.fill(tensors, "it")) == to_bytes(alone.state_dict())
        with torch.no_grad():
            assert torch.equal(place.module(x), alone(x))
        assert place.module.training is False
    assert set(place.names) == tensors.keys()


def test_tensors_may_lie_in_memory_in_any_order(place):
    _, tensors = built(1)
    expected = bytes(place.fill(tensors, "it"))
    place.fill(built(2)[1], "other")
    turned = {
        name: tensor.mT.contiguous().mT if tensor.ndim > 1 else tensor
        for name, tensor in tensors.items()
    }
    assert any(not tensor.is_contiguous() for tensor in turned.values())
    assert bytes(place.fill(turned, "it")) == expected


def damaged(name, change):
    _, tensors = built(1)
    found = next(key for key in tensors if key.endswith(name))
    changed = change(tensors.pop(found))
    return tensors if changed is None else {**tensors, found: changed}


def with_inf(tensor):
    tensor.view(-1)[-1] = torch.inf
    return tensor


@pytest.mark.parametrize(
    ("name", "change", "fault"),
    [
        ("weight", lambda t: None, r"it: tensor '.*weight' is missing"),
        ("weight", lambda t: t[:1], r"it: tensor '.*weight' is .*, its architecture has"),
        ("weight", torch.Tensor.double, r"it: tensor '.*weight' is torch.float64"),
        ("weight", with_inf, r"it: tensor '.*weight' holds a value that is not finite"),
        ("running_var", with_inf, r"it: tensor '.*running_var' holds a value that is not finite"),
    ],
)
def test_other_tensors_are_refused_by_name(name, change, fault, place):
    with pytest.raises(CorruptZooError, match=fault):
        place.fill(damaged(name, change), "it")
    # The next is none the worse.
    _, tensors = built(2)
    assert bytes(place.fill(tensors, "it")) == to_bytes(tensors)
