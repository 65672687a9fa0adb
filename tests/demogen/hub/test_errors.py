"""What a user reads when the Hub, the network or the folder does not let a zoo through."""

from pathlib import Path

import pytest

from demogen.errors import CorruptZooError, ZooError
from demogen.hub import download, publishing
from tests.hub.faults import ALWAYS
from tests.hub.fixtures import LoopbackHub
from tests.hub.server import READER, STRANGER, WRITER
from tests.hub.small_zoo import REPOSITORY, contents, one_line, pull, push

# The Hub's client hands an open file to its HTTP library in a way that library is giving up.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<...>':DeprecationWarning")


def test_a_private_zoo_needs_a_token(hub: LoopbackHub, zoo: Path) -> None:
    push(hub, zoo, private=True)
    for token in (None, STRANGER):
        with pytest.raises(ZooError, match="no such dataset repository, or it is priv") as error:
            pull(hub, token=token)
        assert "HF_TOKEN" in one_line(error)
    assert contents(pull(hub, token=READER)) == contents(zoo)


@pytest.mark.parametrize("token", ["hf_wrong", "hf wrong\n"])
def test_a_wrong_token_is_refused_and_kept_secret(hub: LoopbackHub, zoo: Path, token: str) -> None:
    push(hub, zoo)
    for call in (push, pull):
        with pytest.raises(ZooError, match="token") as error:
            call(hub, *([zoo] if call is push else []), token=token)
        seen: BaseException | None = error.value
        while seen is not None:
            assert token not in f"{seen!r}"
            seen = seen.__cause__ or seen.__context__


@pytest.mark.usefixtures("hub")
def test_an_empty_token_is_no_fault_of_the_network() -> None:
    with pytest.raises(ZooError, match="the token is empty"):
        download.pull(REPOSITORY, endpoint="http://127.0.0.1:9", token="")


def test_pushing_needs_the_right_to_write(hub: LoopbackHub, zoo: Path) -> None:
    with pytest.raises(ZooError, match="does not allow it"):
        push(hub, zoo, token=READER)
    with pytest.raises(ZooError, match="missing or refused") as error:
        push(hub, zoo, token=None)
    assert "hf auth login" in one_line(error)
    assert hub.faults.count("PUT|/commit/") == 0


def test_a_gated_zoo_says_so(hub: LoopbackHub, zoo: Path) -> None:
    push(hub, zoo)
    hub.repository(REPOSITORY).configure(gated="manual")
    with pytest.raises(ZooError, match="admits readers one by one"):
        pull(hub)
    assert contents(pull(hub, token=READER)) == contents(zoo)


@pytest.mark.parametrize("revision", ["v9", "0" * 40])
def test_an_unknown_revision_is_named(hub: LoopbackHub, zoo: Path, revision: str) -> None:
    push(hub, zoo)
    for call in (download.pull, download.resolve):
        with pytest.raises(ZooError, match=f"{revision}.*no such branch, tag or") as error:
            call(REPOSITORY, revision=revision, endpoint=hub.endpoint)
        one_line(error)


def test_an_unknown_repository_is_named(hub: LoopbackHub) -> None:
    with pytest.raises(ZooError, match=r"ours/tiny at revision 'main'.*no such dataset"):
        pull(hub)


@pytest.mark.usefixtures("no_waiting")
@pytest.mark.parametrize(
    ("status", "said"), [(429, "no more requests for now"), (503, "out of order")]
)
def test_a_hub_that_is_down_or_busy(hub: LoopbackHub, zoo: Path, status: int, said: str) -> None:
    push(hub, zoo)
    hub.faults.add(status, "resolve", times=ALWAYS)
    with pytest.raises(ZooError, match=said) as error:
        pull(hub)
    assert hub.endpoint in one_line(error)


@pytest.mark.usefixtures("no_waiting", "hub")
def test_no_network(zoo: Path) -> None:
    nowhere = "http://127.0.0.1:9"
    with pytest.raises(ZooError, match=f"{nowhere} cannot be reached"):
        download.pull(REPOSITORY, endpoint=nowhere)
    with pytest.raises(ZooError, match=f"{nowhere} cannot be reached"):
        publishing.push(zoo, REPOSITORY, endpoint=nowhere, token=WRITER, progress=False)


def test_no_request_waits_for_ever(hub: LoopbackHub, zoo: Path) -> None:
    from huggingface_hub import get_session

    push(hub, zoo)
    assert 0 < (get_session().timeout.read or 0) <= 120


@pytest.mark.parametrize("damage", [lambda p: p.unlink(), lambda p: p.write_bytes(b"short"), None])
def test_a_damaged_folder_is_refused_before_anything_is_sent(
    hub: LoopbackHub, zoo: Path, tmp_path: Path, damage: object
) -> None:
    shard = zoo / "shards/00000.tar"
    if callable(damage):
        damage(shard)
    else:
        shard.write_bytes(b"F" + shard.read_bytes()[1:])
    with pytest.raises(CorruptZooError, match=r"zoo tiny in .*shards/00000\.tar "):
        push(hub, zoo)
    with pytest.raises(CorruptZooError, match=r"shards/00000\.tar"):
        publishing.push(zoo, str(tmp_path / "copy"))
    assert hub.faults.requests == []
    assert not (tmp_path / "copy").exists()
