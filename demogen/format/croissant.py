"""The description of a zoo for machines (croissant.json), in MLCommons' Croissant format 1.1.

It says what datasets' search engines and loaders ask: the files with their sha256, the columns of
the tables, the folds of the splits, how the networks were made, and how to cite the zoo.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from demogen._util.parsing import UnreadableError, json_data
from demogen._util.text import one_line
from demogen.format.card import LICENSE, TABLES, bibtex
from demogen.format.integrity import companions, file_digest
from demogen.format.parquet import Parquet
from demogen.format.splits import Split, folder_splits
from demogen.schema.layout import CARD, CROISSANT, MANIFEST
from demogen.schema.parsing import canonical_json, sha256
from demogen.schema.records import FileDigest, ZooManifest

if TYPE_CHECKING:
    import pyarrow as pa

CONFORMS_TO = ("http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0")

SEAL = "demogen:seal"
"""Property that holds the sha256 of all others, by which an edited description is told."""

LICENSES = {LICENSE: "https://spdx.org/licenses/Apache-2.0"}

_FORMATS = {
    ".parquet": "application/x-parquet",
    ".json": "application/json",
    ".tar": "application/x-tar",
    ".safetensors": "application/octet-stream",
}

_CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "arrayShape": "cr:arrayShape",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "containedIn": "cr:containedIn",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "demogen": "urn:demogen:",
    "description": {"@container": "@language"},
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isArray": "cr:isArray",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "name": {"@container": "@language"},
    "parentField": "cr:parentField",
    "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
"""That of the format's own examples, and our prefix."""

_ABOUT_TABLES = {
    "networks": "One network a row: its settings, what came out, and where its weights lie.",
    "runs": "One training run a row, or one import: seconds, device, host, versions. It differs "
    "from run to run, so the zoo's digest does not pin it.",
}
"""What the rows of each of `TABLES` are."""


def folder_croissant(
    folder: Path,
    manifest: ZooManifest,
    repository: str = "",
    splits: Mapping[str, Split] | None = None,
) -> bytes:
    """croissant.json of the zoo in a folder; the same zoo always gives the same bytes.

    Addresses of files are relative to it, so that it is true at every revision and in every copy.
    It ends in a seal by which `is_sealed` tells whether it was edited since.

    Args:
        folder: of the zoo.
        manifest: its zoo.json.
        repository: "owner/name" on the Hub; "": not known yet.
        splits: by name; None: they are read from the folder.

    Raises:
        OSError: a file cannot be read.
        ZooError: a file is not what its name says.
    """
    splits = folder_splits(folder, manifest) if splits is None else splits
    content = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": list(CONFORMS_TO),
        "name": one_line(manifest.name),
        "description": _description(manifest),
        "identifier": f"sha256:{sha256(manifest.to_json())}",
        "keywords": ["demogen", "generalization", "model zoo"],
        "citeAs": bibtex(manifest, repository=repository),
        **_license(manifest),
        **({"url": f"https://huggingface.co/datasets/{repository}"} if repository else {}),
        **_responsible(manifest),
        **_hosts(folder),
        "distribution": list(_files(folder, manifest)),
        "recordSet": [*_tables(folder), *map(_folds, splits.values())],
    }
    return _written({**content, SEAL: _seal(content)})


def is_sealed(text: bytes) -> bool:
    """Whether a croissant.json is as demogen wrote it, so that to replace it loses no edits."""
    try:
        content = json_data(text)
    except UnreadableError:
        return False
    return isinstance(content, dict) and content.pop(SEAL, None) == _seal(content)


def _written(content: Mapping[str, Any]) -> bytes:
    return (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode()


def _seal(content: Mapping[str, Any]) -> str:
    return sha256(canonical_json(content).encode())


def _description(manifest: ZooManifest) -> str:
    return (
        f"A zoo of {manifest.networks:,} trained image classifiers, with their training and test "
        "accuracy, for judging predictors of the generalization gap (training accuracy minus test "
        "accuracy). The identifier is the sha256 of zoo.json, which lists size and sha256 of every "
        "file that the networks consist of."
    )


def _license(manifest: ZooManifest) -> dict[str, str]:
    """The zoo's license, or the archive's, in its authors' words; nothing where none is stated."""
    if manifest.archive is None:
        return {"license": LICENSES[LICENSE]}
    return {"license": one_line(manifest.archive.license)} if manifest.archive.license else {}


def _responsible(manifest: ZooManifest) -> dict[str, Any]:
    """Croissant's fields for responsible AI, of those that a zoo's manifest answers."""
    archive = manifest.archive
    images = ", ".join(map(one_line, manifest.image_sets)) or "unnamed ones"
    missing = f"{manifest.networks:,} of {manifest.planned:,} planned networks are in the zoo."
    if manifest.failed:
        missing += f" Why {len(manifest.failed):,} could not be made, `failed` in zoo.json says."
    if archive is None:
        made = (
            f"Networks were trained with demogen {one_line(manifest.code_version)} by the recipe "
            f"of sha256 {manifest.recipe_digest}, on the images of {images}. Accuracies were "
            "measured on the whole training and test sets."
        )
    else:
        made = (
            f"Networks were imported with demogen {one_line(manifest.code_version)} from "
            f"{one_line(archive.name)} (sha256 of what was read: {archive.sha256})."
        )
    notes = map(one_line, archive.notes) if archive is not None else ()
    corrupted = {
        "rai:dataManipulationProtocol": "Training labels of some networks were corrupted on "
        "purpose. labels.safetensors holds the labels trained on; the column `labels` of "
        "networks.parquet names them."
    }
    return {
        "rai:dataCollection": made,
        "rai:dataCollectionType": ["Secondary Data Analysis" if archive else "Experiments"],
        "rai:dataCollectionMissingData": missing,
        **_image_sets(manifest),
        **(corrupted if "labels.safetensors" in manifest.files else {}),
        "rai:dataUseCases": [
            "Judging measures that predict the generalization gap of networks without test labels."
        ],
        "rai:dataLimitations": [
            "Test accuracies lie beside the networks: whoever has the zoo has the targets, too.",
            f"All networks are classifiers of these images: {images}.",
            *notes,
        ],
        "rai:dataReleaseMaintenancePlan": "A zoo is never changed: another state of it is another "
        "revision, with another digest.",
    }


def _image_sets(manifest: ZooManifest) -> dict[str, str]:
    named = [f"{one_line(name)} (sha256 {digest})" for name, digest in manifest.image_sets.items()]
    if not named:
        return {}
    return {
        "rai:dataCollectionRawData": f"Image sets, which are no part of the zoo: {', '.join(named)}"
    }


def _hosts(folder: Path) -> dict[str, list[str]]:
    if not (folder / TABLES["runs"]).is_file():
        return {}
    return {
        "rai:personalSensitiveInformation": [
            "runs.parquet names the host that each network was made on."
        ]
    }


def _files(folder: Path, manifest: ZooManifest) -> Iterator[dict[str, Any]]:
    """Every file but the descriptions, which say the same in other words."""
    beside = (path for path in companions(folder) if path not in (CARD, CROISSANT))
    digests = {path: file_digest(folder / path) for path in (MANIFEST, *beside)}
    for path, digest in sorted({**manifest.files, **digests}.items()):
        yield _file(path, digest)


def _file(path: str, digest: FileDigest) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": path,
        "name": path,
        "contentUrl": path,
        "contentSize": f"{digest.bytes} B",
        "encodingFormat": _FORMATS[Path(path).suffix],
        "sha256": digest.sha256,
    }


def _tables(folder: Path) -> Iterator[dict[str, Any]]:
    for name, path in TABLES.items():
        if (folder / path).is_file():
            with Parquet(folder / path) as file:
                fields = [_column(name, path, column) for column in file.schema]
            yield {
                "@type": "cr:RecordSet",
                "@id": name,
                "name": name,
                "description": _ABOUT_TABLES[name],
                "key": {"@id": f"{name}/id"},
                "field": fields,
            }


def _column(table: str, path: str, column: "pa.Field") -> dict[str, Any]:
    import pyarrow as pa

    kind, dimensions = column.type, 0
    while pa.types.is_list(kind):
        kind, dimensions = kind.value_type, dimensions + 1
    field = {
        "@type": "cr:Field",
        # A colon, which the name of a source's factor may have, would make it an address.
        "@id": quote(f"{table}/{column.name}"),
        "name": column.name,
        "dataType": _data_type(kind),
        "source": {"fileObject": {"@id": path}, "extract": {"column": column.name}},
    }
    if dimensions:
        field |= {"isArray": True, "arrayShape": ",".join(["-1"] * dimensions)}
    return field


def _data_type(kind: "pa.DataType") -> str:
    import pyarrow as pa

    if pa.types.is_boolean(kind):
        return "sc:Boolean"
    if pa.types.is_integer(kind):
        return "sc:Integer"
    return "sc:Float" if pa.types.is_floating(kind) else "sc:Text"


def _folds(split: Split) -> dict[str, Any]:
    """A record a fold: the ids that it tests; it is fitted on the others."""
    name, path = f"splits/{split.name}", f"splits/{split.name}.json"
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "description": f"{len(split.tests)} folds of the split {split.name} ({split.kind}), "
        f"sha256:{split.digest}. Each record holds the ids (networks/id) of those that a fold "
        "tests; a predictor is fitted on the others.",
        "field": [
            {
                "@type": "cr:Field",
                "@id": f"{name}/test",
                "name": "test",
                "dataType": "sc:Text",
                "isArray": True,
                "arrayShape": "-1",
                "source": {"fileObject": {"@id": path}, "extract": {"jsonPath": "$.tests[*]"}},
            }
        ],
    }
