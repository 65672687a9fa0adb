#!/bin/sh
# Guess:  powerlaw.Fit(data) estimates the exponent by maximum likelihood, whatever it is.
# Seen:   5,000 draws from a power law with exponent 5: 5.01 with powerlaw 1.5, 3.00 with 2.0.0.
#         Nothing in the result says that a bound was met.
# Source: powerlaw/distributions.py of 2.0.0, Power_Law.DEFAULT_PARAMETER_RANGES = {'alpha': [0, 3]}.
#         Fit(data, parameter_ranges={"alpha": [0, 100]}) gives 5.01 again.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat > "$folder/show.py" <<'PYTHON'
import sys
from importlib.metadata import version

import numpy as np
import powerlaw

exponent = 5.0
data = (1 - np.random.default_rng(0).random(5000)) ** (-1 / (exponent - 1))
alpha = powerlaw.Fit(data, xmin=1.0, verbose=False).power_law.alpha
# For x >= 1 the estimate that maximizes the likelihood is known in closed form.
closed_form = 1 + len(data) / np.log(data).sum()
print(f"powerlaw {version('powerlaw')}: alpha {alpha:.2f}; in closed form {closed_form:.2f}")
if sys.argv[1] == "capped":
    widened = powerlaw.Fit(data, xmin=1.0, verbose=False, parameter_ranges={"alpha": [0, 100]})
    print(f"with parameter_ranges: alpha {widened.power_law.alpha:.2f}")
    assert abs(alpha - 3) < 0.01, "the behaviour has changed"
    assert abs(widened.power_law.alpha - closed_form) < 0.01, "the behaviour has changed"
else:
    assert abs(alpha - closed_form) < 0.01, "the behaviour has changed"
PYTHON
for pair in 1.5:free 2.0.0:capped; do
    version=${pair%:*} expected=${pair#*:}
    python3 -m venv "$folder/$version"
    "$folder/$version/bin/pip" install --quiet --disable-pip-version-check "powerlaw==$version"
    "$folder/$version/bin/python" -W ignore "$folder/show.py" "$expected" 2>"$folder/log" ||
        { cat "$folder/log" >&2; exit 1; }
done
