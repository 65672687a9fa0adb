from collections import OrderedDict

import pytest
from torch import nn

from baselines.functional.numbered_layers import first_strided, numbered_layers
from demogen.errors import NotMeasurable
from demogen.networks.tapped_module import TappedModule


def numbered(*layers):
    stages = OrderedDict((f"layer{index}", layer) for index, layer in enumerate(layers))
    return numbered_layers(TappedModule(stages, {}))


def test_an_activation_behind_a_convolution_or_dense_layer_is_part_of_it():
    found = numbered(
        *(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.5)),
        *(nn.Conv2d(2, 2, 3), nn.BatchNorm2d(2), nn.Tanh(), nn.Conv2d(2, 2, 3)),
        nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()),
        *(nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 3)),
    )
    assert [[type(part).__name__ for part in layer] for layer in found] == [
        *(["Conv2d", "ReLU"], ["MaxPool2d"], ["Dropout"], ["Conv2d"], ["BatchNorm2d"]),
        *(["Tanh"], ["Conv2d"], ["AdaptiveAvgPool2d", "Flatten"], ["Linear", "ReLU"], ["Linear"]),
    ]
    assert first_strided(found, (2, 4, 3, 1)) == 3
    assert first_strided(found, (12, 1, 3)) == 1
    with pytest.raises(NotMeasurable, match="none of its layers 7, 9 .* is a convolution"):
        first_strided(found, (7, 9))
