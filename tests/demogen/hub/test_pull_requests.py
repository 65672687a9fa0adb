"""Pull requests that add files, by the real client on a Hub on this machine."""

import pytest

from demogen.errors import CorruptZooError, ZooError
from demogen.hub.pull_requests import propose
from demogen.hub.push_plan import COMMIT_FILES
from tests.hub.fixtures import LoopbackHub
from tests.hub.server import READER, STRANGER, WRITER
from tests.hub.small_zoo import one_line

NAME = "ours/board"

# The Hub's client hands an open file to its HTTP library in a way that library is giving up.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<...>':DeprecationWarning")


@pytest.fixture
def board(hub: LoopbackHub):
    made = hub.state.store.create(NAME)
    made.commit("main", {"README.md": made.add(b"the board")}, "by hand")
    return made


@pytest.fixture
def files(tmp_path):
    wanted = {f"submissions/mine/{n}%28.json": b"{%d}" % n for n in range(COMMIT_FILES + 5)}
    found = {}
    for number, (path, content) in enumerate(wanted.items()):
        found[path] = tmp_path / str(number)
        found[path].write_bytes(content)
    return found


def call(hub, files, **more):
    how = {"endpoint": hub.endpoint, "token": READER, "progress": False, **more}
    return propose(files, NAME, "Submit mine", **how)


def test_a_reader_proposes_and_main_is_left_alone(hub, board, files) -> None:
    before = board.resolve("main")
    made = call(hub, files)
    assert made.address == f"{hub.endpoint}/datasets/{NAME}/discussions/1"
    assert made.changes == len(files)
    assert board.resolve("main") == before
    proposed = board.files(board.resolve("refs/pr/1"))
    assert made.commit == board.resolve("refs/pr/1")
    assert {path: board.content(proposed[path].etag).read_bytes() for path in files} == {
        path: file.read_bytes() for path, file in files.items()
    }
    assert "README.md" in proposed


def test_run_again_it_goes_on_where_it_stopped(hub, board, files) -> None:
    first = dict(list(files.items())[:7])
    call(hub, first)
    again = call(hub, files)
    assert again.address.endswith("/discussions/1")
    assert again.changes == len(files) - 7
    once_more = call(hub, files)
    assert (once_more.changes, once_more.commit) == (0, again.commit)


def test_what_is_there_already_opens_none(hub, board, files) -> None:
    tree = board.files(board.resolve("main"))
    added = {path: board.add(file.read_bytes()) for path, file in files.items()}
    board.commit("main", tree | added, "merged")
    made = call(hub, files)
    assert (made.changes, made.commit) == (0, board.resolve("main"))
    assert made.address == f"{hub.endpoint}/datasets/{NAME}"
    assert board.settings["pulls"] == {}


@pytest.mark.parametrize(
    ("target", "token", "message"),
    [
        ("ours/nowhere", WRITER, "has no such dataset repository"),
        (NAME, "hf_of_nobody", "the token is missing or refused"),
        (NAME, None, "the token is missing or refused"),
        ("board", WRITER, "'board' is no repository on the Hub; write owner/name"),
    ],
)
def test_what_cannot_be_is_one_line(hub, board, files, target, token, message) -> None:
    with pytest.raises(ZooError, match=message) as error:
        propose(files, target, "Submit", endpoint=hub.endpoint, token=token, progress=False)
    one_line(error)


def test_a_private_board_is_not_there_for_strangers(hub, board, files) -> None:
    board.configure(private=True)
    with pytest.raises(ZooError, match="has no such dataset repository, or it is private") as error:
        call(hub, files, token=STRANGER)
    one_line(error)


def test_what_arrives_as_something_else_is_told(hub, board, files, monkeypatch) -> None:
    from demogen.hub import pull_requests

    honest = pull_requests.listing

    def without_one(api, target, revision):
        found = honest(api, target, revision)
        return {path: entry for path, entry in found.items() if not path.endswith("/3%28.json")}

    monkeypatch.setattr(pull_requests, "listing", without_one)
    with pytest.raises(CorruptZooError, match="3%28.json is missing; push again"):
        call(hub, files)
