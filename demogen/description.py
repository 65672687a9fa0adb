"""Zoos and predictors as text for a reader: what they hold, and how to cite them."""

import inspect
from collections.abc import Sequence
from typing import TYPE_CHECKING

from demogen._util.lookup import lookup
from demogen._util.text import one_line
from demogen.errors import ZooError
from demogen.format.card import bibtex, measured_and_stated, outcome_rows
from demogen.format.factors import factor_columns
from demogen.format.results_state import ResultsState
from demogen.measuring.predictor import Predictor
from demogen.zoo.pool import Pool
from demogen.zoo.zoo import Zoo

if TYPE_CHECKING:
    import pandas as pd


def describe(zoo: Zoo) -> str:
    """Networks, factors with their levels, accuracies and gap, splits and digests, as text."""
    manifest, table = zoo.manifest, zoo.table
    lines = [
        f"{zoo.name}: {len(zoo)} of {manifest.planned} networks, {len(manifest.failed)} failed",
        f"  {manifest.paper.title} ({manifest.paper.section})",
        f"  zoo sha256:{zoo.digest}",
    ]
    if zoo.revision:
        lines.append(f"  revision {zoo.revision}")
    if (archive := manifest.archive) is not None:
        lines.append(f"  imported from {archive.name} sha256:{archive.sha256}")
        lines.append(f"  license: {archive.license or 'none stated'}")
        lines += [f"  {note}" for note in archive.notes]
    for name, digest in manifest.image_sets.items():
        lines.append(f"  images {name} sha256:{digest}")
    for factor in factor_columns(table):
        levels = table[factor].map(str)
        if factor != "seed" and levels.nunique() > 1:
            lines.append(f"  {factor}: {', '.join(sorted(levels.unique()))}")
    for name, mean, std, low, high in outcome_rows(table):
        lines.append(f"  {name}: mean {mean:.3f}, std {std:.3f}, from {low:.3f} to {high:.3f}")
    for name, count, most in measured_and_stated(table):
        lines.append(
            f"  {name}: measured here and stated by the source of {count} networks, at most "
            f"{most:.2g} apart"
        )
    for split in zoo.splits.values():
        lines.append(f"  {split.citation()}")
    # A name of several lines would forge lines of ours.
    return "\n".join(
        f"  {one_line(line)}" if number else one_line(line) for number, line in enumerate(lines)
    )


def citation(
    networks: Zoo | Pool, split: str | None = None, results: ResultsState | None = None
) -> str:
    """BibTeX of each zoo and of its paper, and one line with the digests that identify them.

    Args:
        networks: a zoo or a pool of zoos.
        split: name of a split of it that is cited as well.
        results: state of a leaderboard that is cited as well.

    Raises:
        ZooError: it has no such split.
    """
    cited_split = None
    if split is not None:
        cited_split = lookup(split, networks.splits, f"split of {networks.name}", ZooError)
    zoos = networks.zoos if isinstance(networks, Pool) else (networks,)
    is_pool = len(zoos) > 1
    entries = [
        bibtex(
            zoo.manifest,
            repository=zoo.storage.published,
            revision=zoo.revision,
            split=None if is_pool else cited_split,
        )
        for zoo in zoos
    ]
    if results is not None:
        entries.append(results.bibtex())
    pins = [] if cited_split is None else [cited_split.citation()]
    if is_pool:
        pins.append(f"pool {networks.name} of {len(networks)} networks, sha256:{networks.digest}")
    pins += map(_pin, zoos)
    if results is not None:
        pins.append(results.pin())
    return "\n\n".join([*entries, "; ".join(pins)])


def _pin(zoo: Zoo) -> str:
    on_hub = f", {zoo.storage.published} on the Hugging Face Hub at commit {zoo.revision}"
    source = on_hub if zoo.revision else ""
    return f"zoo {zoo.name} of {len(zoo)} networks{source}, sha256:{zoo.digest}"


def predictor_table(predictors: Sequence[Predictor]) -> "pd.DataFrame":
    """A row a predictor: its paper, and what its measure reads, costs and applies to."""
    import pandas as pd

    rows = [
        {
            "predictor": predictor.name,
            "paper": predictor.paper,
            "reads": str(predictor.measure.access),
            "cost": str(predictor.measure.cost),
            "applies_to": predictor.measure.applies_to,
            "summary": predictor.summary,
        }
        for predictor in predictors
    ]
    return pd.DataFrame(rows).set_index("predictor")


def describe_predictor(predictor: Predictor) -> str:
    """All that a predictor and the docstring of its measure say."""
    measure = predictor.measure
    facts = {
        "paper": predictor.paper,
        "reads": str(measure.access),
        "cost": str(measure.cost),
        "applies to": measure.applies_to,
    }
    lines = [f"  {name:12}{text}" for name, text in facts.items() if text]
    doc = f"{measure!r}: {inspect.getdoc(measure)}"
    return "\n".join([predictor.name, *lines, "", predictor.summary, "", doc])
