import sys
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from demogen.errors import ZooError
from demogen.schema import collections
from demogen.schema.collections import COLLECTIONS, PublishedCollection, published_collections

MODULE = """
from demogen.schema.collections import PublishedCollection

PAPER = {{"key": "p", "title": "t", "section": "s"}}

def offer(names):
    made = [PublishedCollection(name=n, paper=PAPER, networks=1) for n in ("{name}-b", "{name}-a")]
    return [one for one in made if one.name.endswith("b") or one.name in names]
"""


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Lay a package beside ours, as an installer would; only such packages offer collections."""
    monkeypatch.setattr(
        collections,
        "entry_points",
        lambda group: [
            EntryPoint(name, f"{name}:offer", group)
            for name in sorted(offers)
            if group == COLLECTIONS
        ],
    )
    monkeypatch.syspath_prepend(tmp_path)
    offers = []

    def lay(module, content):
        (tmp_path / f"{module}.py").write_text(content)
        monkeypatch.delitem(sys.modules, module, raising=False)
        offers.append(module)

    return lay


def test_packages_offer_what_papers_print_and_what_is_asked_for(install):
    install("made_up_two", MODULE.format(name="two"))
    install("made_up_one", MODULE.format(name="one"))
    assert [found.name for found in published_collections()] == ["one-b", "two-b"]
    asked = published_collections({"two-a", "nothing"})
    assert [found.name for found in asked] == ["one-b", "two-a", "two-b"]


def test_one_name_from_two_packages_is_refused(install):
    install("made_up_one", MODULE.format(name="same"))
    install("made_up_two", MODULE.format(name="same"))
    with pytest.raises(ZooError, match=r"two packages offer a collection 'same-b'.*uninstall one"):
        published_collections()


def test_a_package_that_does_not_load_is_named(install):
    install("made_up_broken", "import nothing_of_the_kind")
    with pytest.raises(ZooError, match="made_up_broken:offer do not load.*nothing_of_the_kind"):
        published_collections()


def test_ours_is_named_in_pyproject_and_loads():
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())
    offers = project["project"]["entry-points"][COLLECTIONS]
    for value in offers.values():
        found = EntryPoint("ours", value, COLLECTIONS).load()({"digits"})
        assert "digits" in {collection.name for collection in found}


def test_levels_keep_their_types_in_json():
    levels = {"batch_norm": (False, True), "width": (1, 2), "l2": (0.0, 0.5), "steps": (None,)}
    levels["augmentation"] = ((), ("crop", "flip"))
    paper = {"key": "p", "title": "t", "section": "s"}
    one = PublishedCollection(name="n", paper=paper, networks=1, levels=levels)
    again = PublishedCollection.model_validate_json(one.model_dump_json())
    assert again == one
    assert [type(level) for level in again.levels["batch_norm"]] == [bool, bool]
    assert [type(level) for level in again.levels["l2"]] == [float, float]
