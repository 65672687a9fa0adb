"""docs/columns.md names every setting with its default, and every column, and no other."""

import re
from pathlib import Path

import pytest

from demogen.format.columns import RECORD_ONLY
from demogen.schema.architectures import FAMILIES, STRUCTURE
from demogen.schema.records import NetworkRecord, factor_types
from demogen.schema.training import Data, Training

PAGE = (Path(__file__).parents[1] / "docs" / "columns.md").read_text()


def rows(title):
    """Name → the other cells, of the table in a section."""
    section = re.search(rf"\n## {title}\n(.*?)(?=\n## |\Z)", PAGE, re.DOTALL)[1]
    lines = re.findall(r"^\| `(\w+)` \| (.*) \|$", section, re.MULTILINE)
    assert len(dict(lines)) == len(lines)
    return {name: rest.split(" | ") for name, rest in lines}


def shown(default):
    if default in (None, ()):
        return "none"
    return str(default).lower() if isinstance(default, bool) else f"{default}".removesuffix(".0")


@pytest.mark.parametrize(("title", "part"), [("data", Data), ("training", Training)])
def test_settings_stand_with_their_defaults(title, part):
    listed = rows(f"Settings of {title}")
    assert list(listed) == list(part.model_fields)
    for name, field in part.model_fields.items():
        default = "–" if field.is_required() else shown(field.default)
        assert listed[name][0] == default.replace("1e-4", "0.0001"), name


def test_settings_of_architectures_stand_with_families_and_defaults():
    listed = rows("Settings of architectures")
    settings = {name for family in FAMILIES.values() for name in family.model_fields} - STRUCTURE
    assert set(listed) == settings
    for name, (families, default, _) in listed.items():
        having = {
            key: f.model_fields[name] for key, f in FAMILIES.items() if name in f.model_fields
        }
        assert families == "all" if name == "family" else families.split(", ") == list(having), name
        main, _, others = default.partition(" (")
        others = dict(other.split(": ") for other in others.rstrip(")").split(", ") if other)
        for key, field in having.items():
            expected = "–" if field.is_required() else shown(field.default)
            assert others.get(key, main) == expected, (name, key)


def test_columns_are_those_of_a_table(tiny_zoo, mlp_zoo_folder):
    listed = {name for title in ("data", "training") for name in rows(f"Settings of {title}")}
    listed |= set(rows("Settings of architectures"))
    outcome = set(rows("What came out"))
    every = {"id", "zoo", "gap", "configuration", *factor_types(), *NetworkRecord.model_fields}
    assert listed | outcome == every - RECORD_ONLY
    assert set(tiny_zoo.table.columns) <= listed | outcome


def test_columns_that_are_not_in_every_table_are_named():
    from demogen.format.columns import LATER

    last = " ".join(PAGE.rpartition("## ")[2].rpartition(" |\n")[2].split())
    for name in LATER - RECORD_ONLY:
        assert f"`{name}`" in last or name.startswith(("stated", "measured")), name
