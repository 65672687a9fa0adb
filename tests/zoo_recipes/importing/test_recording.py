import torch

from demogen import load_images
from demogen.networks import architectures
from demogen.schema.records import ConvNet, Data, NetworkSpec, Training
from zoo_recipes.importing import recording


def test_measuring_on_a_device_leaves_the_network_in_its_place():
    data = Data(images="digits")
    architecture = ConvNet(family="convnet", channels=(2, 3), kernel=3)
    spec = NetworkSpec(architecture=architecture, data=data, training=Training(), seed=1)
    images = load_images("digits")
    place = recording._place(spec)
    assert recording._place(spec) is place
    for seed in (1, 2):
        module = architectures.build(spec.model_copy(update={"seed": seed}))
        place.fill(module.state_dict(), "it")
        measured = [
            recording._measured(place.module, spec, images, "test", device)
            for device in ("cpu", "cpu:0")
        ]
        assert measured[0] == measured[1]
        for name, tensor in place.module.state_dict().items():
            assert torch.equal(tensor, module.state_dict()[name])
