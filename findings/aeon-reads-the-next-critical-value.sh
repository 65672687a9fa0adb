#!/bin/sh
# Guess:  the critical difference of two methods on 24 data sets is q · √(k (k + 1) / (6 N)) with k = 2,
#         N = 24 and q = 1.960, the value that Demšar (2006), Table 5 (a), prints for two: 0.400.
# Seen:   aeon 1.6.0 takes 2.344, the value for three, and so 0.478. Average ranks 0.417 apart (one
#         method wins on 17 data sets of 24) are joined as not significantly different.
# Source: aeon/benchmarking/stats.py, nemenyi_test: `qalpha[n_estimators]` into a list whose first
#         item is the one for a single method. So it is for every number of methods.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check aeon==1.6.0
cat > "$folder/show.py" <<'PYTHON'
from importlib.metadata import version

import numpy as np
from aeon.benchmarking.stats import nemenyi_test
from scipy.stats import studentized_range

methods, data_sets = 2, 24


def joined(difference):
    """Whether aeon joins two methods whose average ranks are that far apart."""
    ranks = np.array([1.5 - difference / 2, 1.5 + difference / 2])
    return bool(nemenyi_test(ranks, data_sets, 0.05)[0, 1])


low, high = 0.0, 1.0
while high - low > 1e-6:
    middle = (low + high) / 2
    low, high = (middle, high) if joined(middle) else (low, middle)


def critical_difference(k):
    """By the studentized range distribution over √2, for the value of k methods."""
    q = studentized_range.ppf(0.95, k, np.inf) / np.sqrt(2)
    return q * np.sqrt(methods * (methods + 1) / (6 * data_sets))


print(f"aeon {version('aeon')}: critical difference {low:.3f}")
print(f"value for two: {critical_difference(2):.3f}; for three: {critical_difference(3):.3f}")
print(f"17 wins of 24, ranks {10 / 24:.3f} apart: joined: {joined(10 / 24)}")
assert abs(low - critical_difference(3)) < 0.001, "the behaviour has changed"
assert joined(10 / 24), "the behaviour has changed"
PYTHON
"$folder/env/bin/python" -W ignore "$folder/show.py" || exit 1
