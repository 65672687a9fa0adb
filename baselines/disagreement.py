"""Disagreement of networks that differ in their seeds alone (Jiang et al. 2022)."""

from collections.abc import Mapping
from typing import final

import torch

from baselines.functional.losses import logits_of, logits_of_test_inputs
from demogen.measuring.predictor import Measure, Predictor
from demogen.networks.network import Access, Network


@final
class Disagreement(Measure):
    """Share of test inputs that the network and a copy of it put into different classes.

    Jiang, Nagarajan, Baek and Kolter 2022, section 3, from memory: networks of one configuration
    from other seeds disagree on unlabelled test inputs about as often as either errs. The mean over
    all copies that the zoo holds.

    choice: networks of a zoo that differ in the seed, which draws first weights, batches and
    augmentation together; of the paper's kinds of pairs that is the one that varies all.
    """

    name = "disagreement"
    access = Access.TEST_INPUTS | Access.SIBLINGS
    cost = "1 forward, and 1 forward of each copy"

    def compute(self, network: Network) -> Mapping[str, float]:
        """Feature `disagreement`.

        Raises:
            NotMeasurable: the zoo holds no copy of the network.
        """
        siblings, inputs = network.siblings, network.test_inputs
        own = logits_of_test_inputs(network).argmax(1)
        shares = [
            (logits_of(sibling, inputs, network.batch_size).argmax(1) != own).double().mean()
            for sibling in siblings
        ]
        return {"disagreement": float(torch.stack(shares).mean())}


DISAGREEMENT = Predictor(
    "disagreement",
    Disagreement(),
    paper="jiang2022",
    summary="least squares on the disagreement with copies of the network on test inputs",
)
