import torch

from baselines.sensitivity import JacobianNorm, JacobianNormTrain
from tests.baselines.reference import reference_for


@reference_for(JacobianNorm)
def on_test_inputs(measure, network):
    return {"jacobian_norm": mean_norm(network.module, network.test_inputs)}


@reference_for(JacobianNormTrain)
def on_training_images(measure, network):
    return {"jacobian_norm": mean_norm(network.module, network.train.images)}


def mean_norm(module, images):
    total = 0.0
    for image in images:
        jacobian = torch.autograd.functional.jacobian(
            lambda x: module(x[None])[0].softmax(dim=0), image
        )
        total += sum(entry**2 for entry in jacobian.flatten().tolist()) ** 0.5
    return total / len(images)
