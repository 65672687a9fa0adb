"""Pages published as a static Space, by the real client on a Hub on this machine."""

import pytest

from demogen.errors import ZooError
from demogen.hub.commits import CommitLine
from demogen.hub.spaces import publish_site
from tests.hub.fixtures import LoopbackHub
from tests.hub.server import READER, WRITER
from tests.hub.small_zoo import one_line
from tests.hub.writing import TEMPLATE

NAME = "ours/board"
MARK = b"made by us"

FIRST = {
    "README.md": b"---\nsdk: static\n---\n",
    "index.html": b"<p>made by us</p>",
    "assets/a.js": b"1",
    "pages/old%28.html": b"old",
}
SECOND = {
    "README.md": b"---\nsdk: static\n---\n",
    "index.html": b"<p>made by us, again</p>",
    "assets/a.js": b"1",
    "pages/new.html": b"new",
}

# The Hub's client hands an open file to its HTTP library in a way that library is giving up.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<...>':DeprecationWarning")


def may_hold(path: str) -> bool:
    return path in TEMPLATE or path.startswith(("assets/", "pages/"))


@pytest.fixture
def publish(hub: LoopbackHub, tmp_path):
    def publish(contents, target=NAME, **more):
        files = {}
        for number, (path, content) in enumerate(contents.items()):
            files[path] = tmp_path / str(number)
            files[path].write_bytes(content)
        how = {"endpoint": hub.endpoint, "token": WRITER, "progress": False, **more}
        return publish_site(files, target, "a title", mark=MARK, may_hold=may_hold, **how)

    return publish


def space(hub: LoopbackHub):
    return hub.repository(f"spaces/{NAME}")


def held(hub: LoopbackHub) -> dict[str, bytes]:
    found = space(hub)
    files = found.files(found.resolve("main"))
    contents = {path: found.content(entry.etag).read_bytes() for path, entry in files.items()}
    contents.pop(".gitattributes")
    return contents


def history(hub: LoopbackHub) -> int:
    return len(space(hub).history(space(hub).resolve("main")))


def test_a_space_is_made_and_holds_the_pages_alone(hub, publish) -> None:
    made = publish(FIRST)
    assert made.address == f"{hub.endpoint}/spaces/{NAME}"
    assert made.commit == space(hub).resolve("main")
    # The Hub's own style sheet went; its README.md is the same.
    assert made.changes == len(FIRST)
    assert held(hub) == FIRST
    assert space(hub).settings["private"] is False


def test_only_what_changed_is_sent_in_one_commit(hub, publish, monkeypatch) -> None:
    publish(FIRST)
    before, sent = history(hub), []
    upload = CommitLine._upload
    monkeypatch.setattr(CommitLine, "_upload", lambda *told: sent.append(told[1]) or upload(*told))
    made = publish(SECOND)
    assert held(hub) == SECOND
    assert sent == ["index.html", "pages/new.html"]
    assert made.changes == 3
    assert history(hub) == before + 1
    assert publish(SECOND).changes == 0
    assert history(hub) == before + 1


def test_large_files_go_as_such(hub, publish) -> None:
    pages = {**FIRST, "assets/picture.bin": bytes(range(256)) * 100}
    publish(pages)
    assert held(hub) == pages
    assert hub.faults.count("^PUT /lfs/") == 1
    publish(FIRST)
    assert held(hub) == FIRST


def test_a_private_one_is_made_private_and_stays(hub, publish) -> None:
    publish(FIRST, private=True)
    assert space(hub).settings["private"] is True
    publish(SECOND)
    assert space(hub).settings["private"] is True


def test_a_public_one_is_not_made_private(hub, publish) -> None:
    publish(FIRST)
    with pytest.raises(ZooError, match="is there already and public"):
        publish(SECOND, private=True)
    assert held(hub) == FIRST


def test_one_that_was_made_and_left_empty_is_taken(hub, publish) -> None:
    hub.state.store.create(f"spaces/{NAME}", template=TEMPLATE)
    publish(FIRST)
    assert held(hub) == FIRST


def test_one_whose_making_broke_off_is_taken_up(hub, publish) -> None:
    hub.faults.add(403, "^POST /api/spaces/.*/commit/")
    with pytest.raises(ZooError, match="cannot publish to the Space ours/board"):
        publish(FIRST)
    assert set(held(hub)) == set(TEMPLATE)
    publish(FIRST)
    assert held(hub) == FIRST


@pytest.mark.parametrize(
    ("others", "named"),
    [
        ({"app.py": b"run"}, "app.py"),
        ({**FIRST, "notes.txt": b"of the owner"}, "notes.txt"),
        ({"index.html": b"<p>of somebody</p>"}, "index.html"),
        ({"README.md": b"---\nsdk: docker\n---\nof somebody"}, "README.md"),
        ({"assets/a.js": b"1"}, "assets/a.js"),
    ],
)
def test_what_somebody_else_uses_is_left_alone(hub, publish, others, named) -> None:
    made = hub.state.store.create(f"spaces/{NAME}")
    entries = {path: made.add(content) for path, content in others.items()}
    attributes = made.files(made.resolve("main"))
    made.commit("main", {**attributes, **entries}, "by hand")
    with pytest.raises(ZooError) as error:
        publish(SECOND)
    assert f"holds '{named}', which was not published by this command" in one_line(error)
    assert held(hub) == others


def test_other_content_of_one_first_commit_is_left_alone(hub, publish) -> None:
    """A Space that was duplicated has one commit as well."""
    hub.state.store.create(f"spaces/{NAME}", template={**TEMPLATE, "app.js": b"of somebody"})
    with pytest.raises(ZooError, match=r"holds 'app\.js'"):
        publish(FIRST)


def test_a_data_set_of_that_name_is_another_repository(hub, publish) -> None:
    hub.state.store.create(NAME)
    publish(FIRST)
    assert set(hub.repository(NAME).files(hub.repository(NAME).resolve("main"))) == {
        ".gitattributes"
    }


def test_who_changes_it_meanwhile_is_not_overwritten(hub, publish, monkeypatch) -> None:
    publish(FIRST)
    create = CommitLine.commit

    def meanwhile(self, *arguments, **more):
        made = space(hub)
        entries = {**made.files(made.resolve("main")), "pages/x.html": made.add(b"x")}
        made.commit("main", entries, "by hand")
        return create(self, *arguments, **more)

    monkeypatch.setattr(CommitLine, "commit", meanwhile)
    with pytest.raises(ZooError, match="was changed at the same time; run it again"):
        publish(SECOND)
    assert held(hub) == {**FIRST, "pages/x.html": b"x"}


@pytest.mark.parametrize(
    ("target", "how", "message"),
    [
        ("board", {}, "'board' is no Space on the Hub; write owner/name"),
        ("./board", {}, "is no Space on the Hub"),
        (NAME, {"token": READER}, "the token does not allow it"),
        (NAME, {"token": "hf_unknown"}, "the token is missing or refused"),
    ],
)
def test_refusals_are_one_line(hub, publish, target, how, message) -> None:
    with pytest.raises(ZooError) as error:
        publish(FIRST, target, **how)
    assert message in one_line(error)
