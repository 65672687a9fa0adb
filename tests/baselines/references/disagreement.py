from baselines.disagreement import Disagreement
from tests.baselines.reference import reference_for


@reference_for(Disagreement)
def disagreement(measure, network):
    differing = total = 0
    for sibling in network.siblings:
        for image in network.test_inputs:
            first, second = (each(image[None])[0].tolist() for each in (network.module, sibling))
            differing += first.index(max(first)) != second.index(max(second))
            total += 1
    return {"disagreement": differing / total}
