"""Transitions between linear regions (Novak et al. 2018)."""

from collections.abc import Mapping
from typing import final

import numpy as np
from torch import Tensor

from baselines.functional.regions import CODED_CHAINS, transition_counts, why_no_codes
from baselines.functional.trajectories import Translations
from baselines.regressors import log_least_squares
from demogen.images.subsampling import fixed_sample
from demogen.measuring.predictor import Measure, Predictor
from demogen.networks.network import Access, Network
from demogen.networks.tapped_module import TappedModule
from demogen.schema.records import NetworkSpec


@final
class Transitions(Measure):
    """Mean over test inputs of t(x), how often units change their linear piece (section 3, Eq. 1).

    t(x) = Σ_i ‖c(z_i) − c(z_{(i+1) mod k})‖₁ along the closed path through all horizontal
    translations of x; c is the code of the region (`baselines.functional.regions`). Needs no
    labels. choice: the paper took all test inputs and 2^20 points. Fewer inputs make the mean
    noisier, fewer points miss pairs of transitions; the defaults make both errors about one
    percent on the digits networks, for about the time of a Jacobian norm. `details` says how far
    the counts have converged.

    Args:
        points_per_step: points between one translation and the next; k is that times the width.
        images: how many test inputs, a fixed sample by content; None: all.
    """

    name = "transitions"
    access = Access.TEST_INPUTS
    cost = "points_per_step × width forward, on a sample of the test inputs"
    applies_to = CODED_CHAINS

    def __init__(self, points_per_step: int = 16, images: int | None = 64) -> None:
        self.points_per_step = points_per_step
        self.images = images

    def applicable(self, module: TappedModule) -> str | None:
        """Why the network's units have no codes, or None."""
        return why_no_codes(module)

    def passes(self, spec: NetworkSpec, images: int) -> float | None:
        """A pass forward for each point, over the sample."""
        sampled = images if self.images is None else min(self.images, images)
        return self.points_per_step * spec.data.input_shape[-1] * sampled / images

    def compute(self, network: Network) -> Mapping[str, float]:
        """Feature `transitions`.

        Raises:
            NotMeasurable: the inputs are vectors, there are none, or the logits are not finite.
        """
        inputs = network.test_inputs[self._sample(network)]
        return {"transitions": float(self._count(network, inputs).double().mean())}

    def details(self, network: Network) -> dict[str, np.ndarray]:
        """`image`, the indices of the test inputs, and t at each of them with fewer points too.

        `transitions`, `transitions.half` and `transitions.quarter` are counted at k, k/2 and k/4
        points; where `points_per_step` is not a multiple of 2 or 4, those are left out.
        """
        sample = self._sample(network)
        inputs = network.test_inputs[sample]
        arrays = {"image": sample.cpu().numpy()}
        for divisor, ending in ((1, ""), (2, ".half"), (4, ".quarter")):
            if self.points_per_step % divisor == 0:
                counts = self._count(network, inputs, divisor)
                arrays[f"transitions{ending}"] = counts.cpu().numpy()
        return arrays

    def _sample(self, network: Network) -> Tensor:
        inputs = network.test_inputs
        return fixed_sample(inputs, len(inputs) if self.images is None else self.images)

    def _count(self, network: Network, inputs: Tensor, divisor: int = 1) -> Tensor:
        weight = next(network.module.parameters())
        paths = Translations(
            inputs.to(weight.device, weight.dtype), self.points_per_step // divisor
        )
        return transition_counts(network.module, paths, network.batch_size).sum(dim=1)


TRANSITIONS = Predictor(
    "transitions",
    Transitions(),
    regressor=log_least_squares(floor=1e-4),
    paper="novak2018",
    summary="least squares on the log of the mean number of transitions around test inputs",
)
