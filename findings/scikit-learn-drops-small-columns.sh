#!/bin/sh
# Guess:  least squares gives the same predictions whatever unit a column is measured in, as long as
#         floating-point numbers can tell the columns apart.
# Seen:   from 1.9 on, LinearRegression sets the coefficient of a column of size 0.05 beside one of
#         size 2e7 to zero, and R² falls from 0.95 (1.7.2) to 0.00 (1.9.1). Nothing warns.
# Source: LinearRegression(tol=1e-6) was the tolerance of the solver for sparse input. Since 1.9 it is
#         also `cond` of scipy.linalg.lstsq for dense input, which drops singular values below
#         tol times the largest; before, that ratio was max(shape) times the machine's epsilon. The
#         docstring of `tol` says so. StandardScaler before the regression gives both columns one size.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat > "$folder/show.py" <<'PYTHON'
import sys

import numpy as np
import sklearn
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

random = np.random.default_rng(0)
informative, large = random.standard_normal((2, 100))
target = informative + 0.2 * random.standard_normal(100)
columns = np.column_stack([0.05 * informative, 2e7 * large])
plain = LinearRegression().fit(columns, target)
scaled = make_pipeline(StandardScaler(), LinearRegression()).fit(columns, target)
r2, r2_scaled = plain.score(columns, target), scaled.score(columns, target)
print(f"scikit-learn {sklearn.__version__}: rank {plain.rank_}, R² {r2:.2f}; scaled R² {r2_scaled:.2f}")
assert abs(r2 - float(sys.argv[1])) < 0.01, "the behaviour has changed"
assert abs(r2_scaled - 0.95) < 0.01, "the behaviour has changed"
PYTHON
for pair in 1.7.2:0.95 1.9.1:0.00; do
    version=${pair%:*} expected=${pair#*:}
    python3 -m venv "$folder/$version"
    "$folder/$version/bin/pip" install --quiet --disable-pip-version-check "scikit-learn==$version"
    "$folder/$version/bin/python" "$folder/show.py" "$expected" || exit 1
done
