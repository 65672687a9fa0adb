import statistics as standard

import numpy as np

from baselines.weight_statistics import WeightStatistics
from tests.baselines.reference import reference_for


@reference_for(WeightStatistics)
def weight_statistics(measure, network):
    found = {}
    for name, parameter in network.module.named_parameters():
        values = [float(value) for value in parameter.reshape(-1)]
        found[f"{name}.mean"] = standard.fmean(values)
        found[f"{name}.variance"] = float(np.var(np.array(values, dtype=np.longdouble)))
        for percent in (0, 25, 50, 75, 100):
            found[f"{name}.q{percent}"] = float(np.percentile(values, percent))
    return found
