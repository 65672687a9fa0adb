"""What a zoo may hold: a closed list, for a zoo's folder may lie among files that others trust."""

import re

MANIFEST = "zoo.json"

CARD = "README.md"

CROISSANT = "croissant.json"
"""What the card says, for machines (`demogen.format.croissant`)."""

_NAME = "[A-Za-z0-9][A-Za-z0-9._-]{0,199}"
_BESIDE = rf"README\.md|croissant\.json|runs\.parquet|measurements/{_NAME}\.parquet"
_LISTED = rf"networks\.parquet|labels\.safetensors|splits/{_NAME}\.json|shards/[0-9]{{1,9}}\.tar"

_IS_BESIDE = re.compile(_BESIDE)
_IS_LISTED = re.compile(_LISTED)


def is_zoo_path(path: str) -> bool:
    """Whether a path, relative to a zoo's folder, is one of those that a zoo may hold.

    These are zoo.json, README.md, croissant.json, networks.parquet, runs.parquet,
    labels.safetensors, splits/NAME.json, shards/N.tar and measurements/NAME.parquet; a NAME has
    letters, digits, dots, hyphens and underscores, and starts with a letter or a digit.

    >>> [is_zoo_path(path) for path in ("shards/00000.tar", "splits/../.bashrc", "conftest.py")]
    [True, False, False]
    """
    return path == MANIFEST or is_listed_path(path) or is_companion(path)


def is_listed_path(path: str) -> bool:
    """Whether zoo.json may list it: what a zoo's digest pins."""
    return _IS_LISTED.fullmatch(path) is not None


def is_companion(path: str) -> bool:
    """Whether it goes along with a zoo outside its digest: descriptions, runs, measurements."""
    return _IS_BESIDE.fullmatch(path) is not None
