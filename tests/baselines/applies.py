"""On which of the small networks which measure is defined, as `Measure.applies_to` promises."""

from baselines.heavy_tails import WITH_A_TAIL
from demogen.measuring.predictor import Measure
from demogen.networks.homogeneity import CHAINS, FOLDED

NOT_CHAINS = {"own-residual", "resnet-bn", "resnet-gn", "resnet34"}
NOT_HOMOGENEOUS = {"mlp-tanh"}
NARROW = {"mlp"}
EXCEPT = {
    Measure.applies_to: set(),
    "networks with a place for units": set(),
    "chains with activations of known pieces": NOT_CHAINS,
    FOLDED: NOT_CHAINS,
    CHAINS: NOT_CHAINS | NOT_HOMOGENEOUS,
    WITH_A_TAIL: NARROW,
}


def defined_on(measure, names):
    """Those of the names of networks for which the measure has a value, in their order."""
    return [name for name in names if name not in EXCEPT[measure.applies_to]]
