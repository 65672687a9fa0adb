"""CITATION.cff obeys the Citation File Format 1.2.0, as far as the keys that it uses go."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

import demogen

ROOT = Path(__file__).parents[1]
CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text())

REQUIRED = {"authors", "cff-version", "message", "title"}

TEXTS = {
    "abstract": ".",
    "cff-version": r"1\.2\.0",
    "commit": ".",
    "date-released": r"\d{4}-(0[1-9]|1[012])-(0[1-9]|[12]\d|3[01])",
    "doi": r"10\.\d{4,9}(\.\d+)?/[\w:/;\-.()\[\]\\]+",
    "license": "[A-Za-z0-9.+-]+",
    "message": ".",
    "repository-code": "(https|http|ftp|sftp)://.+",
    "title": ".",
    "type": "software|dataset",
    "url": "(https|http|ftp|sftp)://.+",
    "version": ".",
}
"""Keys of one text each, and what all of it must match; of ".", its first sign."""

LISTS = {"authors", "keywords"}

PERSON = {"affiliation", "alias", "email", "family-names", "given-names", "name-particle", "orcid"}
ENTITY = {"alias", "email", "name", "orcid", "website"}


def faults(citation):
    """What is wrong with the content of such a file."""
    yield from (f"lacks {key}" for key in REQUIRED - set(citation))
    for key, value in citation.items():
        if key in TEXTS:
            pattern = TEXTS[key]
            match = re.match if pattern == "." else re.fullmatch
            if not isinstance(value, str) or not match(pattern, value):
                yield f"{key} is {value!r}"
        elif key not in LISTS:
            yield f"{key} is no key of the format"
        elif not isinstance(value, list) or not value or len(set(map(str, value))) < len(value):
            yield f"{key} is no list of different things"
    for author in citation.get("authors") or []:
        allowed = ENTITY if "name" in author else PERSON
        if not author or set(author) - allowed or not all(map(str.strip, author.values())):
            yield f"author {author} is neither a person nor an entity"
    for keyword in citation.get("keywords", ["-"]):
        if not isinstance(keyword, str) or not keyword:
            yield f"keyword {keyword!r} is no text"


def test_it_is_valid():
    assert list(faults(CITATION)) == []


def test_it_says_what_the_package_says():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert CITATION["version"] == demogen.__version__
    assert CITATION["license"] == project["license"]
    assert [author["name"] for author in CITATION["authors"]] == [
        author["name"] for author in project["authors"]
    ]


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"cff-version": 1.2}, "cff-version is 1.2"),
        ({"cff-version": "1.2.0.1"}, "cff-version is '1.2.0.1'"),
        ({"authors": []}, "authors is no list"),
        ({"authors": [{"name": "A", "family-names": "B"}]}, "is neither a person nor an entity"),
        ({"keywords": ["a", "a"]}, "keywords is no list of different things"),
        ({"keywords": ["a", 1]}, "keyword 1 is no text"),
        ({"type": "model"}, "type is 'model'"),
        ({"colour": "red"}, "colour is no key"),
        ({"title": ""}, "title is ''"),
        ({"version": None}, "version is None"),
    ],
)
def test_faults_are_found(change, fault):
    assert any(fault in found for found in faults({**CITATION, **change}))


@pytest.mark.parametrize("key", sorted(REQUIRED))
def test_required_keys_are_missed(key):
    rest = {name: value for name, value in CITATION.items() if name != key}
    assert f"lacks {key}" in list(faults(rest))
