import math

from baselines.confidence import AverageConfidence, ThresholdedConfidence, TurnedConsistency
from tests.baselines.reference import reference_for


def probabilities(network, image):
    scores = network.module(image[None])[0].tolist()
    shares = [math.exp(score - max(scores)) for score in scores]
    return [share / sum(shares) for share in shares]


def negative_entropy(p):
    return sum(each * math.log(each) for each in p if each > 0)


def mean(values):
    return sum(values) / len(values)


@reference_for(AverageConfidence)
def average_confidence(measure, network):
    found = [probabilities(network, image) for image in network.test_inputs]
    return {
        "confidence": mean([max(p) for p in found]),
        "negative_entropy": mean([negative_entropy(p) for p in found]),
    }


@reference_for(ThresholdedConfidence)
def thresholded_confidence(measure, network):
    known = [probabilities(network, image) for image in network.train.images]
    unseen = [probabilities(network, image) for image in network.test_inputs]
    wrong = [
        p.index(max(p)) != label
        for p, label in zip(known, network.train.labels.tolist(), strict=True)
    ]
    difference = mean([max(p) for p in known]) - mean([max(p) for p in unseen])
    found = {"difference": difference if abs(difference) > 1e-12 else 0.0}
    for name, score in (("atc_confidence", max), ("atc_entropy", negative_entropy)):
        # Every threshold is tried: the greatest below which no more lie than are wrong.
        scores = [score(p) for p in known]
        threshold = math.inf
        if not all(wrong):
            threshold = max(t for t in scores if sum(s < t - 1e-12 for s in scores) <= sum(wrong))
        found[name] = mean([score(p) < threshold - 1e-12 for p in unseen]) - mean(wrong)
    return found


@reference_for(TurnedConsistency)
def turned_consistency(measure, network):
    def steady(image, turned):
        first, second = probabilities(network, image), probabilities(network, turned)
        same = first.index(max(first)) == second.index(max(second))
        return math.sqrt(max(first) * max(second)) if same else 0.0

    def quarter_turned(image, times):
        for _ in range(times):
            image = image.transpose(1, 2).flip(1)
        return image

    images = network.test_inputs
    return {
        "rotation": mean(
            [steady(image, quarter_turned(image, times)) for image in images for times in (1, 2, 3)]
        ),
        "flip": mean([steady(image, image[:, :, range(image.shape[2])[::-1]]) for image in images]),
    }
