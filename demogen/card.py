"""The dataset card (README.md) of a zoo, for people and for the Hub's viewer."""

import math
from typing import TYPE_CHECKING

from demogen.schema import ZooManifest, factor_types

if TYPE_CHECKING:
    import pandas as pd

# The Hub's own words for sizes.
_SIZES = (
    (1_000, "n<1K"),
    (10_000, "1K<n<10K"),
    (100_000, "10K<n<100K"),
    (math.inf, "100K<n<1M"),
)

_HEADER = """\
---
license: apache-2.0
pretty_name: {name}
tags:
- demogen
- generalization
- model-zoo
size_categories:
- {size}
configs:
- config_name: networks
  data_files: networks.parquet
  default: true
- config_name: runs
  data_files: runs.parquet
---
"""

_BODY = """
# {name}: {networks} trained networks

A zoo of demogen: networks trained as in {paper}, for predictors of the generalization gap.

```python
import demogen

zoo = demogen.load_zoo("{name}")
for network in zoo:
    ...
```

## Networks

| factor | levels (networks) |
| --- | --- |
{grid}

| | mean | standard deviation | minimum | maximum |
| --- | --- | --- | --- | --- |
{outcome}

{networks} of {planned} planned networks; {failed} could not be trained. Weights lie in `shards/`
(tar files of safetensors), found by the columns `shard`, `offset` and `length` of
`networks.parquet`; `zoo.json` holds the sha256 of every file.

## Splits

{splits}

## Cite

{bibtex}
"""


def dataset_card(manifest: ZooManifest, table: "pd.DataFrame") -> str:
    """Markdown with the YAML header the Hub reads; only the Parquet tables are shown as data."""
    size = next(name for below, name in _SIZES if len(table) < below)
    names = sorted(
        path.removeprefix("splits/").removesuffix(".json")
        for path in manifest.files
        if path.startswith("splits/")
    )
    paper = f"“{manifest.paper.title}” ({manifest.paper.section})"
    bibtex = f"```bibtex\n{manifest.paper.bibtex.strip()}\n```" if manifest.paper.bibtex else paper
    body = _BODY.format(
        name=manifest.name,
        paper=paper,
        networks=manifest.networks,
        planned=manifest.planned,
        failed=len(manifest.failed) or "none",
        grid="\n".join(_levels(table)),
        outcome="\n".join(
            f"| {name} | " + " | ".join(f"{value:.3f}" for value in values) + " |"
            for name, *values in outcome_rows(table)
        ),
        splits="\n".join(f"- `{name}`" for name in names) or "none: too few networks",
        bibtex=bibtex,
    )
    return _HEADER.format(name=manifest.name, size=size) + body


def _levels(table: "pd.DataFrame") -> list[str]:
    rows = []
    for factor in factor_types():
        if factor == "seed" or table[factor].map(str).nunique() < 2:
            continue
        counts = table[factor].map(str).value_counts().sort_index()
        rows.append(f"| {factor} | {', '.join(f'{v} ({n})' for v, n in counts.items())} |")
    return rows


def outcome_rows(table: "pd.DataFrame") -> list[tuple[str, float, float, float, float]]:
    """Column, mean, standard deviation, minimum and maximum of the outcome's main columns."""
    columns = ("train_accuracy", "test_accuracy", "gap", "test_cross_entropy")
    statistics = table[list(columns)].agg(["mean", "std", "min", "max"])
    rows = []
    for name in columns:
        mean, std, low, high = map(float, statistics[name])
        rows.append((name, mean, std, low, high))
    return rows
