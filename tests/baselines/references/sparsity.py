from baselines.sparsity import UnitSparsity
from tests.baselines.reference import reference_for


@reference_for(UnitSparsity)
def unit_sparsity(measure, network):
    """Every unit zeroed in turn, the rest of the network run each time on all of the class."""
    module, images, labels = network.module, network.train.images, network.train.labels
    classes = module(images[:1]).shape[1]
    of_classes = []
    for label in range(classes):
        if label in labels.tolist():
            units = module.forward_to("units", images[labels == label])
            size = [units[:, unit].abs().mean().item() for unit in range(units.shape[1])]
            rising = sorted(range(len(size)), key=lambda unit: size[unit])
            falling = sorted(range(len(size)), key=lambda unit: -size[unit])
            curves = [accuracies(module, units, order, label) for order in (falling, rising)]
            of_classes.append(summary(*curves, 1 / classes))
    return {
        name: sum(of_class[name] for of_class in of_classes) / len(of_classes)
        for name in ("zeta", "kappa", "kappa_released", "kappa_released_relative")
    }


def accuracies(module, units, order, label):
    left = units.clone()
    curve = []
    for removed in (None, *order):
        if removed is not None:
            left[:, removed] = 0.0
        right = [scores.index(max(scores)) == label for scores in logits(module, left)]
        curve.append(sum(right) / len(right))
    return curve


def logits(module, units):
    return module.forward_from("units", units).tolist()


def summary(E, E_r, chance):
    M = len(E) - 1
    at_chance = [n for n in range(M + 1) if E[n] <= chance]
    n0 = at_chance[0] if at_chance else min(range(M + 1), key=lambda n: (E[n], n))
    n0_r = max(range(M), key=lambda n: (E_r[n], n))
    areas = [ascending - descending for ascending, descending in zip(E_r, E, strict=True)]
    signed = sum(areas) / (M + 1)
    return {
        "zeta": (n0 + M - n0_r) / (2 * M),
        "kappa": sum(abs(area) for area in areas) / M,
        "kappa_released": signed,
        "kappa_released_relative": signed / E[0] if E[0] else 0.0,
    }
