"""What a user reads when a push cannot be, and who never gets to read his token."""

import errno
import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from demogen import cli
from demogen.errors import CorruptZooError, ZooError
from demogen.hub import publishing
from demogen.hub.progress import CountedFile
from tests.hub.faults import ALWAYS
from tests.hub.fixtures import LoopbackHub
from tests.hub.server import READER, STRANGER, WRITER
from tests.hub.small_zoo import REPOSITORY, contents, one_line, publish, pull, push
from tests.hub.store import Store

# The Hub's client hands an open file to its HTTP library in a way that library is giving up.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<...>':DeprecationWarning")


def sent(hub: LoopbackHub) -> int:
    return hub.faults.count("^PUT|/preupload/|/commit/|/tag/|/repos/create")


@pytest.mark.parametrize("target", ["owner", "a/b/c", "ow ner/x", "owner/", "/", "ours/a--b", ""])
def test_a_target_that_is_no_address(hub: LoopbackHub, zoo: Path, target: str) -> None:
    arguments = {"endpoint": hub.endpoint, "token": WRITER, "progress": False}
    if target == "/":
        target = "ours/x" * 40
    with pytest.raises(ZooError) as error:
        publishing.push(zoo, target, **arguments)
    assert target in one_line(error)
    assert hub.faults.requests == []


def test_a_folder_without_a_zoo(hub: LoopbackHub, tmp_path: Path) -> None:
    for folder, said in ((tmp_path, "has no zoo.json"), (tmp_path / "no", "no such folder")):
        with pytest.raises(ZooError, match=said) as error:
            push(hub, folder)
        assert str(folder) in one_line(error)
    assert hub.faults.requests == []


@pytest.mark.parametrize("way", ["missing", "empty", "blank"])
def test_no_token(hub: LoopbackHub, zoo: Path, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    push(hub, zoo)
    hub.faults.clear()
    if way != "missing":
        monkeypatch.setenv("HF_TOKEN", {"empty": "", "blank": "  "}[way])
    with pytest.raises(ZooError, match="cannot push to ours/tiny: the token is missing") as error:
        push(hub, zoo, token=None)
    assert "hf auth login" in one_line(error)
    assert hub.faults.requests == []


def test_the_token_of_the_environment_and_of_the_login(
    hub: LoopbackHub, zoo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("HF_TOKEN", WRITER)
        commit = push(hub, zoo, token=None)
    (tmp_path / "token").write_text(WRITER)
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path / "token"))
    assert push(hub, zoo, token=None) == commit


def test_a_token_that_may_only_read(hub: LoopbackHub, zoo: Path, other: Path) -> None:
    with pytest.raises(ZooError, match="does not allow it") as error:
        push(hub, zoo, token=READER)
    one_line(error)
    push(hub, zoo)
    with pytest.raises(ZooError, match="does not allow it") as error:
        push(hub, other, token=READER)
    one_line(error)
    assert contents(pull(hub)) == contents(zoo)


@pytest.mark.parametrize("pull_request", [False, True])
def test_a_private_repository_of_somebody_else(
    hub: LoopbackHub, zoo: Path, other: Path, pull_request: bool
) -> None:
    push(hub, zoo, private=True)
    hub.faults.clear()
    said = "or it is private" if pull_request else "does not allow it"
    with pytest.raises(ZooError, match=said) as error:
        push(hub, other, token=STRANGER, pull_request=pull_request)
    one_line(error)
    assert hub.faults.count("^PUT|/preupload/|/commit/") == 0


def test_a_public_repository_is_not_taken_for_private(hub: LoopbackHub, zoo: Path) -> None:
    push(hub, zoo, private=True)
    assert push(hub, zoo, private=True)
    hub.repository(REPOSITORY).configure(private=False)
    hub.faults.clear()
    with pytest.raises(ZooError, match="is there already and public") as error:
        push(hub, zoo, private=True)
    one_line(error)
    assert sent(hub) == 0


@pytest.mark.usefixtures("no_waiting")
@pytest.mark.parametrize(
    ("status", "said"), [(429, "admits no more requests for now"), (503, r"HTTP 503")]
)
@pytest.mark.parametrize("step", ["/revision/main", "/preupload/", "^PUT", "/commit/"])
def test_a_hub_that_stays_busy_or_down(
    hub: LoopbackHub, zoo: Path, status: int, said: str, step: str
) -> None:
    hub.faults.add(status, step, times=ALWAYS, headers={"Retry-After": "1"})
    with pytest.raises(ZooError, match=said) as error:
        push(hub, zoo)
    assert hub.endpoint in one_line(error)
    assert 2 <= hub.faults.count(step) <= 10


def test_a_disk_that_fails_while_a_file_is_sent(
    hub: LoopbackHub, zoo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = CountedFile.read

    def broken(self: CountedFile, size: int | None = -1) -> bytes:
        content = read(self, size)
        if self.on_progress is not None and str(self.name).endswith("00001.tar"):
            raise OSError(errno.EIO, "Input/output error", self.name)
        return content

    with monkeypatch.context() as patch:
        patch.setattr(CountedFile, "read", broken)
        with pytest.raises(ZooError, match=r"00001\.tar: Input/output error; ") as error:
            push(hub, zoo)
    one_line(error)
    push(hub, zoo)
    assert contents(pull(hub)) == contents(zoo)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda path: path.unlink(), r"00001\.tar: No such file or directory; "),
        (lambda path: path.write_bytes(b"other"), r"00001\.tar changed while it was pushed"),
    ],
)
def test_a_zoo_that_changes_while_it_is_pushed(
    hub: LoopbackHub,
    zoo: Path,
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[Path], object],
    said: str,
) -> None:
    receive, waiting = Store.receive, [zoo / "shards/00001.tar"]

    def meanwhile(self: Store, *arguments: object) -> bool:
        while waiting:
            change(waiting.pop())
        return receive(self, *arguments)

    monkeypatch.setattr(Store, "receive", meanwhile)
    with pytest.raises(ZooError, match=said) as error:
        push(hub, zoo)
    one_line(error)
    with pytest.raises(CorruptZooError, match=r"00001\.tar"):
        push(hub, zoo)


def test_a_folder_takes_no_tag_and_no_pull_request(zoo: Path, tmp_path: Path) -> None:
    for wish in ({"tag": "v1"}, {"pull_request": True}):
        with pytest.raises(ZooError, match="is a folder and takes no") as error:
            publishing.push(zoo, str(tmp_path / "copy"), **wish)
        one_line(error)
    assert not (tmp_path / "copy").exists()


def chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


@pytest.mark.usefixtures("no_waiting")
@pytest.mark.parametrize(
    ("kind", "step"),
    [
        (None, ""),
        *((500, "/commit/"), (401, "/preupload/"), (403, "/objects/batch"), (503, "^PUT")),
        *(("drop", "/tree/"), ("drop", "^PUT"), (429, "/verify"), (409, "/tag/")),
    ],
)
def test_no_token_is_logged_printed_kept_or_told(
    hub: LoopbackHub,
    copied_zoo_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    kind: str | int | None,
    step: str,
) -> None:
    zoo = copied_zoo_folder
    caplog.set_level(logging.DEBUG)
    for name in ("huggingface_hub", "httpx", "httpx2", "httpcore"):
        caplog.set_level(logging.DEBUG, name)
    monkeypatch.setattr(logging.getLogger("huggingface_hub"), "propagate", True)
    if kind is not None:
        hub.faults.add(kind, step, times=ALWAYS)
        with pytest.raises(ZooError) as error:
            push(hub, zoo, tag="v1")
        for each in chain(error.value):
            assert WRITER not in f"{each} {each!r} {each.args} {getattr(each, '__notes__', '')}"
    monkeypatch.setenv("HF_TOKEN", WRITER)
    arguments = ["push", str(zoo), REPOSITORY, "--tag", "v1", "--endpoint", hub.endpoint]
    if kind is None:
        cli.commands.main(arguments, standalone_mode=False)
        pull(hub, token=WRITER)
        assert any((tmp_path / "client-cache").rglob("*.tar"))
    else:
        with pytest.raises(ZooError):
            cli.commands.main(arguments, standalone_mode=False)
    out, err = capfd.readouterr()
    assert ("demogen.load_zoo" in out) == (kind is None)
    assert any("HTTP" in record.getMessage() for record in caplog.records)
    assert WRITER not in out + err + caplog.text
    assert all(WRITER not in str(vars(record)) for record in caplog.records)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {"copied", "hub"} <= {path.relative_to(tmp_path).parts[0] for path in files}
    assert [path for path in files if WRITER.encode() in path.read_bytes()] == []


def test_what_the_command_prints(
    hub: LoopbackHub,
    copied_zoo_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    zoo = copied_zoo_folder
    monkeypatch.setenv("HF_TOKEN", WRITER)
    cli.main(["push", str(zoo), REPOSITORY, "--tag", "v1", "--endpoint", hub.endpoint])
    out = capsys.readouterr().out
    commit = hub.repository(REPOSITORY).resolve("v1")
    digest = publish(hub, zoo).digest
    assert out == (
        f"published {zoo} to {REPOSITORY}\n"
        f"  repository    {hub.endpoint}/datasets/{REPOSITORY}\n"
        f"  commit        {commit}\n"
        f"  digest        sha256:{digest}\n"
        f'  demogen.load_zoo("{REPOSITORY}", revision="v1", endpoint="{hub.endpoint}")\n'
    )
    cli.main(["push", str(zoo), REPOSITORY, "--endpoint", hub.endpoint])
    assert capsys.readouterr().out.startswith(
        f"published {zoo} to {REPOSITORY}, with nothing new to send\n"
    )
    (zoo / "README.md").write_text("# other\n")
    monkeypatch.setenv("HF_TOKEN", READER)
    cli.main(["push", str(zoo), REPOSITORY, "--pr", "--endpoint", hub.endpoint])
    out = capsys.readouterr().out
    assert out.startswith(f"proposed {zoo} to {REPOSITORY}\n  pull request  {hub.endpoint}/")
    with pytest.raises(SystemExit, match="2"):
        cli.main(["push", str(zoo), REPOSITORY, "--pr", "--tag", "v2"])
    assert capsys.readouterr().err == (
        "demogen: a pull request takes no tag; push with the tag once it is merged\n"
    )
