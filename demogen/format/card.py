"""The dataset card (README.md) of a zoo, for people and for the Hub's viewer."""

import json
import math
import re
import shlex
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from demogen._util.text import for_markdown, for_tex
from demogen.format.factors import coded, factor_columns, level_text
from demogen.format.markdown import fenced, quoted, table_of
from demogen.format.splits import Split, folder_splits
from demogen.schema.records import ZooManifest, sha256
from demogen.schema.training import Data, Training

if TYPE_CHECKING:
    import pandas as pd

LICENSE = "apache-2.0"

TABLES = {"networks": "networks.parquet", "runs": "runs.parquet"}
"""Name in the Hub's viewer → path; the Hub shows the first by default."""

OUTCOMES = ("train_accuracy", "test_accuracy", "gap", "test_cross_entropy")

MANY = 20
"""Levels, or networks that failed, that a card lists one by one; of more it lists a part."""

# The Hub's own words for sizes.
_SIZES = (
    (1_000, "n<1K"),
    (10_000, "1K<n<10K"),
    (100_000, "10K<n<100K"),
    (1_000_000, "100K<n<1M"),
    (math.inf, "1M<n<10M"),
)

# Listed even where they are the defaults.
_ALWAYS_LISTED = ("images", "loss", "optimizer", "learning_rate", "batch_size", "epochs", "steps")

_SEAL = re.compile(rb"<!-- written by demogen, sha256:([0-9a-f]{64}) -->\n\Z")


def dataset_card(
    manifest: ZooManifest,
    table: "pd.DataFrame",
    splits: Mapping[str, Split],
    *,
    repository: str = "",
    tables: Mapping[str, str] = TABLES,
    versions: Sequence[str] = (),
) -> str:
    """Markdown with the YAML header the Hub reads; only the Parquet tables are shown as data.

    It ends in a seal, a comment by which `is_sealed` tells whether it was edited since.

    Args:
        manifest: zoo.json.
        table: networks.parquet, one row a network.
        splits: the zoo's splits by name.
        repository: "owner/name" on the Hub; "": not known yet, so the examples read this folder.
        tables: what the Hub's viewer shows: name → path.
        versions: what the zoo was made with, "torch 2.6.0" say.
    """
    sections = [
        _header(manifest, tables),
        _introduction(manifest, repository),
        _networks(manifest, table),
        _making(manifest, table, versions),
        _layout(repository, tables),
        _splits(splits, repository or "."),
        "## Cite\n\n" + fenced("bibtex", bibtex(manifest, repository=repository)),
    ]
    text = "\n\n".join(section for section in sections if section) + "\n\n"
    return f"{text}<!-- written by demogen, sha256:{sha256(text.encode())} -->\n"


def folder_card(folder: Path, manifest: ZooManifest, repository: str = "") -> str:
    """The card of the zoo in a folder, with the tables and splits that lie there.

    Raises:
        OSError: a file cannot be read.
        ZooError: a file is not what its name says.
    """
    from demogen.format.table import Table, read_versions

    tables = {name: path for name, path in TABLES.items() if (folder / path).is_file()}
    for path in sorted((folder / "measurements").glob("*.parquet")):
        tables[f"measurements-{path.stem}"] = f"measurements/{path.name}"
    runs = read_versions(folder / tables["runs"]) if "runs" in tables else []
    return dataset_card(
        manifest,
        Table((folder / "networks.parquet").read_bytes(), manifest.networks, manifest.name).frame,
        folder_splits(folder, manifest),
        repository=repository,
        tables=tables,
        versions=list_versions(runs),
    )


def list_versions(runs: Iterable[Mapping[str, str]]) -> list[str]:
    """What runs were made with, each library and version once and sorted: "torch 2.6.0" say."""
    return sorted({f"{name} {version}" for run in runs for name, version in run.items()})


def is_sealed(text: bytes) -> bool:
    """Whether a card is as demogen wrote it, so that to replace it loses nobody's edits."""
    seal = _SEAL.search(text)
    return seal is not None and sha256(text[: seal.start()]).encode() == seal[1]


def bibtex(
    manifest: ZooManifest, *, repository: str = "", revision: str = "", split: Split | None = None
) -> str:
    """BibTeX of the paper behind a zoo, if it has any, and of the zoo or a split of it.

    Args:
        manifest: zoo.json; its digest is what pins the zoo.
        repository: "owner/name" on the Hub, or "".
        revision: commit on the Hub, or "".
        split: pinned by its own digest, and part of the key.
    """
    digest = sha256(manifest.to_json())
    key = re.sub("[^A-Za-z0-9-]+", "-", manifest.name) + f"-zoo-{digest[:12]}"
    title = f"The {_tex(manifest.name)} zoo of {manifest.networks} trained networks"
    facts = [f"demogen {_tex(manifest.code_version)}"]
    facts += [f"dataset {_tex(repository)} on the Hugging Face Hub"] if repository else []
    facts += [f"revision {revision}"] if revision else []
    facts += [f"sha256:{digest}"]
    if split is not None:
        key, title = f"{key}-{split.name}", f"{title}, split {_tex(split.name)}"
        facts += [f"split of {len(split.tests)} folds sha256:{split.digest}"]
    entry = f"@misc{{{key},\n  title = {{{title}}},\n  note = {{{', '.join(facts)}}},\n}}"
    archive = manifest.archive.citation.strip() if manifest.archive else ""
    paper = manifest.paper.bibtex.strip()
    parts = dict.fromkeys((paper, archive, entry))
    return "\n\n".join(part for part in parts if part)


def outcome_rows(table: "pd.DataFrame") -> list[tuple[str, float, float, float, float]]:
    """Column, mean, standard deviation, minimum and maximum of the outcome's main columns.

    Those that no network has (cross-entropies that a source does not state) are left out.
    """
    known = [name for name in OUTCOMES if table[name].notna().any()]
    statistics = table[known].agg(["mean", "std", "min", "max"])
    rows = []
    for name in known:
        mean, std, low, high = map(float, statistics[name])
        rows.append((name, mean, std, low, high))
    return rows


def measured_and_stated(table: "pd.DataFrame") -> list[tuple[str, int, float]]:
    """Of imported networks whose accuracies were measured here and are stated by their source.

    Returns:
        Column ("train_accuracy" or "test_accuracy"), how many networks have both, and the largest
        difference; only columns of which there are any.
    """
    rows = []
    for name in ("train_accuracy", "test_accuracy"):
        if {f"measured_{name}", f"stated_{name}"} <= set(table.columns):
            differences = (table[f"measured_{name}"] - table[f"stated_{name}"]).abs().dropna()
            if len(differences):
                rows.append((name, len(differences), float(differences.max())))
    return rows


def _header(manifest: ZooManifest, tables: Mapping[str, str]) -> str:
    lines = [
        *("---", *_license(manifest), f"pretty_name: {quoted(manifest.name)}"),
        *("tags:", "- demogen", "- generalization", "- model-zoo"),
        "size_categories:",
        f"- {next(name for below, name in _SIZES if manifest.networks < below)}",
        *(["configs:"] if tables else []),
    ]
    for number, (name, path) in enumerate(tables.items()):
        lines += [f"- config_name: {quoted(name)}", f"  data_files: {quoted(path)}"]
        lines += ["  default: true"] if number == 0 else []
    return "\n".join([*lines, "---"])


def _license(manifest: ZooManifest) -> list[str]:
    if manifest.archive is None:
        return [f"license: {LICENSE}"]
    if not manifest.archive.license:
        return ["license: unknown"]
    return ["license: other", f"license_name: {quoted(manifest.archive.license)}"]


def _introduction(manifest: ZooManifest, repository: str) -> str:
    code = (
        "import demogen\n\n"
        f"zoo = demogen.load_zoo({json.dumps(repository or '.')})\n"
        'print(zoo.table[["train_accuracy", "test_accuracy", "gap"]])\n'
        "for network in zoo:\n"
        "    print(network.id, sum(w.numel() for w in network.module.parameters()))"
    )
    pin = (
        "A tag or commit given as `revision` pins what is read."
        if repository
        else "The examples are for a program that runs in this folder."
    )
    return (
        f"# {for_markdown(manifest.name)}: {manifest.networks:,} trained networks\n\n"
        "A zoo of trained image classifiers, with their training and test accuracy, for judging "
        "predictors of the generalization gap (training accuracy minus test accuracy).\n\n"
        f"{fenced('python', code)}\n\n{pin} Every byte is checked against `zoo.json`, whose "
        f"sha256 is the zoo's digest:\n\n{fenced('text', sha256(manifest.to_json()))}"
    )


def _networks(manifest: ZooManifest, table: "pd.DataFrame") -> str:
    grid = [
        (f"`{name}`", _levels(counts))
        for name, counts in _factors(table).items()
        if len(counts) > 1 and name != "seed"
    ]
    outcomes = [
        (f"`{name}`", *(f"{value:.3f}" for value in values))
        for name, *values in outcome_rows(table)
    ]
    varied = (
        f"What varies, and how many networks have each level:\n\n"
        f"{table_of(('factor', 'levels (networks)'), grid)}\n\n"
        if grid
        else ""
    )
    heads = ("", "mean", "standard deviation", "minimum", "maximum")
    return (
        f"## Networks\n\n{_planned(manifest)}\n\n{varied}What came out, accuracies on the whole "
        "training and test sets, cross-entropy in nats:\n\n" + table_of(heads, outcomes)
    )


def _planned(manifest: ZooManifest) -> str:
    trained = f"{manifest.networks:,} of {manifest.planned:,} planned networks were trained."
    if manifest.archive is not None:
        trained = f"{manifest.networks:,} of {manifest.planned:,} networks were imported."
    if not manifest.failed:
        return f"{trained} None failed."
    reasons = sorted(manifest.failed.items())
    more = "\n\nThe others are in `zoo.json` under `failed`." if len(reasons) > MANY else ""
    rows = [(for_markdown(network), for_markdown(reason)) for network, reason in reasons[:MANY]]
    return f"{trained} {len(reasons):,} could not be:\n\n{table_of(('network', 'why'), rows)}{more}"


def _making(manifest: ZooManifest, table: "pd.DataFrame", versions: Sequence[str]) -> str:
    paper = f"{for_markdown(manifest.paper.title)} ({for_markdown(manifest.paper.section)})"
    facts = [
        ("paper", f"{paper}, `{manifest.paper.key}`" if manifest.paper.key else paper),
        *_origin(manifest),
        ("code", f"demogen {for_markdown(manifest.code_version)}"),
        (
            "imported with" if manifest.archive else "trained with",
            for_markdown(", ".join(versions)),
        ),
    ]
    facts += [
        (f"images {for_markdown(name)}", f"`{digest}` (sha256 of pixels and labels)")
        for name, digest in manifest.image_sets.items()
    ]
    if (stopped := table["stopped"].dropna()).size:
        facts.append(("training ended by", _levels(Counter(stopped))))
    facts += [
        (f"{name} measured here and stated", f"{count:,}, at most {most:.2g} apart")
        for name, count, most in measured_and_stated(table)
    ]
    facts += [(f"`{name}`", for_markdown(value)) for name, value in _shared(table)]
    return (
        "## How it was made\n\n"
        f"{table_of(('what', 'which'), [fact for fact in facts if fact[1]])}\n\n"
        "Names in code are settings that all networks share; those that are not listed are the "
        "defaults of `demogen.schema.NetworkSpec`. The column `spec` of `networks.parquet` holds "
        "the settings of each."
    )


def _origin(manifest: ZooManifest) -> list[tuple[str, str]]:
    """Facts of what a zoo was made from: its recipe, or the archive that it was imported from."""
    archive = manifest.archive
    if archive is None:
        return [("recipe", f"`{manifest.recipe_digest}` (sha256)")]
    facts = [
        ("archive", f"{for_markdown(archive.name)}, `{archive.sha256}` (sha256 of what was read)"),
        ("license of the archive", for_markdown(archive.license or "none stated")),
    ]
    return facts + [("note", for_markdown(note)) for note in archive.notes]


def _layout(repository: str, tables: Mapping[str, str]) -> str:
    rows = [
        ("`zoo.json`", "what the zoo is, with size and sha256 of each of its files"),
        ("`networks.parquet`", "one row a network: settings, accuracies, where its weights lie"),
        ("`shards/*.tar`", "the weights, `<id>/network.safetensors`, uncompressed"),
        ("`splits/*.json`", "standardized splits, by id"),
        ("`labels.safetensors`", "corrupted training labels, if any network was trained on such"),
        (
            "`runs.parquet`",
            "seconds, device, versions and first logits of each run; outside the digest",
        ),
    ]
    rows.append(("`croissant.json`", "files, columns and folds for machines (MLCommons Croissant)"))
    if any(path.startswith("measurements/") for path in tables.values()):
        rows.append(("`measurements/*.parquet`", "signatures, a file a measure; likewise outside"))
    in_repository = f'{json.dumps(repository)}, "networks"'
    in_folder = '"parquet", data_files="networks.parquet"'
    source = in_repository if repository else in_folder
    folder = f"hf://datasets/{repository}/" if repository else ""
    code = (
        "import datasets\nimport safetensors.torch\n\n"
        f'table = datasets.load_dataset({source}, split="train")\n'
        "shards = datasets.load_dataset(\n"
        f'    "webdataset", data_files="{folder}shards/*.tar", split="train", streaming=True\n'
        ")\n"
        "for member in shards:\n"
        '    weights = safetensors.torch.load(member["safetensors"])'
    )
    return (
        f"## Layout\n\n{table_of(('path', 'content'), rows)}\n\n"
        "Each network lies in one shard, at bytes `offset` to `offset` + `length`. Stock code "
        f"reads the tables and the shards as well, without demogen's checks:\n\n"
        f"{fenced('python', code)}"
    )


def _splits(splits: Mapping[str, Split], address: str) -> str:
    if not splits:
        return "## Splits\n\nNone: too few networks."
    rows = [
        (for_markdown(split.name), str(len(split.tests)), f"`{split.digest}`")
        for split in splits.values()
    ]
    first = next(iter(splits.values()))
    command = shlex.join(["demogen", "cite", address, "--split", first.name])
    return (
        f"## Splits\n\n{table_of(('name', 'folds', 'sha256'), rows)}\n\n"
        f"Cite a split by its digest, as this command does:\n\n{fenced('console', command)}\n\n"
        f"{fenced('text', first.citation())}"
    )


def _factors(table: "pd.DataFrame") -> dict[str, dict[Any, int]]:
    """Factor → level → how many networks have it; the level None: they have no such setting."""
    counted = {}
    for name in factor_columns(table):
        codes, levels = coded(table, name)
        counts = np.bincount(codes, minlength=len(levels)).tolist()
        counted[name] = dict(zip(levels, counts, strict=True))
    return counted


def _shared(table: "pd.DataFrame") -> Iterable[tuple[str, str]]:
    """Settings that all networks share: those that are always listed, and those not the default."""
    fields = {**Data.model_fields, **Training.model_fields}
    factors = _factors(table)
    momentum = ["momentum"] if list(factors["optimizer"]) == ["momentum"] else []
    always = {*_ALWAYS_LISTED, *momentum}
    for name, levels in factors.items():
        level, *others = levels
        if others or level in (None, ()) or name in ("seed", "copy_number"):
            continue
        if name in always or name not in fields or level != fields[name].default:
            yield name, level_text(level)


def _levels(counts: Mapping[Any, int]) -> str:
    if len(counts) > MANY:
        levels = [level for level in counts if level is not None]
        first, last = (for_markdown(level_text(levels[end])) for end in (0, -1))
        return f"{len(counts):,} levels from {first} to {last}"
    return ", ".join(
        f"{for_markdown(level_text(level))} ({count:,})" for level, count in counts.items()
    )


def _tex(text: str) -> str:
    """Text for a field of BibTeX, which counts braces even where they are escaped: without them."""
    return for_tex(re.sub(r"[\\{}]", "", text))
