"""Names of predictors, zoos and splits as names of files."""

from urllib.parse import quote

from demogen.schema.records import sha256

LONGEST_NAME = 120
"""Longer names are cut and told apart by a digest: file systems allow 255 bytes."""


def file_name(name: str) -> str:
    """A name as a file name: distinct for distinct names, on any file system, never hidden.

    >>> file_name("normalized-loss(p=1)")
    'normalized-loss%28p%3D1%29'
    """
    safe = quote(name, safe="").replace("~", "%7E")
    safe = "%2E" + safe[1:] if safe.startswith(".") else safe
    if len(safe) <= LONGEST_NAME:
        return safe
    return f"{safe[:LONGEST_NAME]}~{sha256(name.encode())[:12]}"
