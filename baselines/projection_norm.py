"""How far training on test inputs leads from training on training images (Yu et al. 2022).

The paper's text was not at hand: the definition is from memory of it, and from the authors' code
(yaodongyu/ProjNorm, projnorm.py at 587a8f8 and init_ref_model.py at 4e8d07d), which was read.
"""

import math
from collections.abc import Mapping
from typing import final

from torch import Tensor

from baselines.functional.fine_tuning import distance, fine_tuned
from baselines.functional.losses import logits_of
from demogen.errors import NotMeasurable, PredictorError
from demogen.images.subsampling import fixed_sample
from demogen.measuring.predictor import Measure, Predictor
from demogen.networks.network import Access, Network
from demogen.schema.records import NetworkSpec


@final
class ProjectionNorm(Measure):
    """Distance of two networks trained on what this one says of test and of training images.

    Yu et al. 2022, the section that defines the projection norm ‖θ_test − θ_train‖₂, from memory:
    the network labels test inputs; from the initial weights, θ_test is trained on these, and
    θ_train on as many training images, which it labels as well; with the same settings and in
    batches of the same size. θ holds all parameters, biases and scales of norms among them.

    choice: few steps of plain gradient descent, where the authors' code takes 500 steps of 128
    images with momentum 0.9 and a learning rate that falls from 0.001, from weights that were
    trained on other images before; and labels of the network for both, where it trains θ_train on
    the labels given. Batch norm normalizes by the batch, as in that code: with the statistics that
    it begins with, signals of deep networks grow from block to block, and training diverges. The
    learning rate is theirs: at ten times that, what processors differ in the initial weights grew
    to percents of the distance.

    Args:
        steps: of gradient descent.
        batch: images a step; all, if there are fewer.
        learning_rate: of the steps.
        seed: of the samples by content, whose order the batches follow.
    """

    name = "projection-norm"
    access = Access.TRAIN | Access.TEST_INPUTS | Access.INITIAL
    cost = "2 forward + 1 backward of steps × batch images of each kind"

    def __init__(
        self, steps: int = 20, batch: int = 32, learning_rate: float = 0.001, seed: int = 0
    ) -> None:
        self.steps = steps
        self.batch = batch
        self.learning_rate = learning_rate
        self.seed = seed

    def passes(self, spec: NetworkSpec, images: int) -> float | None:
        """Of both kinds: a pass that labels, and a pass forward and backward in training."""
        del spec
        trained = self.steps * self.batch
        return 2 * (min(trained, images) + 2 * trained) / images

    def compute(self, network: Network) -> Mapping[str, float]:
        """Feature `distance`.

        Raises:
            NotMeasurable: there are fewer than two images of a kind, or training diverges.
            PredictorError: a parameter is out of its range.
        """
        if self.steps < 1 or self.batch < 2 or self.learning_rate <= 0:
            raise PredictorError(
                "steps must be at least 1, batch at least 2 and learning_rate above 0, not "
                f"{self.steps}, {self.batch} and {self.learning_rate}"
            )
        kinds = network.train.images, network.test_inputs
        count = min(self.steps * self.batch, *map(len, kinds))
        if count < 2:
            raise NotMeasurable("a batch takes two training images, and two test inputs")
        found = distance(*(self._trained(network, images, count) for images in kinds))
        if not math.isfinite(found):
            raise NotMeasurable(
                f"from its initial weights training diverges at learning rate {self.learning_rate}"
            )
        return {"distance": found}

    def _trained(self, network: Network, images: Tensor, count: int) -> list[Tensor]:
        """Parameters after training on so many images, as the network labels them."""
        chosen = images[fixed_sample(images, count, self.seed)]
        labels = logits_of(network.module, chosen, network.batch_size).argmax(1)
        return fine_tuned(
            network.initial, chosen, labels, self.learning_rate, self.batch, self.steps
        )


PROJECTION_NORM = Predictor(
    "projection-norm",
    ProjectionNorm(),
    paper="yu2022",
    summary="least squares on the distance of networks trained on its labels of test and training "
    "images",
)
