"""Measures of the training images together, beside the passes that they need."""

import pytest
import torch

from demogen import get_predictor, list_predictors
from demogen.measuring import measure_together
from tests.benchmarks.against.measured import TRAINING_IMAGES, nin

IMAGES = 128
AT_ONCE = 32
"""Images a pass: as many as activations of a NiN-192 stay in a core's cache."""


@pytest.fixture(autouse=True)
def one_thread(all_cores):
    torch.set_num_threads(1)


@pytest.mark.timeout(1200)
def test_measures_of_training_images_cost_one_sweep(ratio):
    network = nin(192, IMAGES, torch.float32)
    measures = {
        repr(measure): measure
        for name in list_predictors()
        if (measure := get_predictor(name).measure).name in TRAINING_IMAGES
    }
    module, images = network.module, network.train.images

    def passes():
        for batch in images.split(AT_ONCE):
            x = batch.contiguous(memory_format=torch.channels_last).requires_grad_()
            logits = module(x)
            for index in range(logits.shape[1]):
                torch.autograd.grad(logits[:, index].sum(), x, retain_graph=True)

    ratio(
        f"{len(measures)} measures of training images / 1 "
        "forward and 10 backward passes in channels-last (at most 1.4)",
        lambda: measure_together(measures, network),
        passes,
        rounds=5,
    )
