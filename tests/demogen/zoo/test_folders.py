"""What is said of a zoo that is not where it is looked for."""

import pytest

from demogen import load_zoo
from demogen.errors import ZooError
from demogen.zoo import folders


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with zoos/digits and other, and a home in which mnist-small was built."""
    for zoo in ("here/zoos/digits", "here/zoos/nin-cifar10", "here/other", "home/zoos/mnist-small"):
        (tmp_path / zoo).mkdir(parents=True)
        (tmp_path / zoo / "zoo.json").write_text("{}")
    (tmp_path / "here" / "empty").mkdir()
    monkeypatch.setenv("DEMOGEN_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path / "here")


@pytest.fixture
def asked(monkeypatch):
    """What the Hub was asked for; it has nothing."""
    asked = []

    def resolve(source, revision=None, **_):
        asked.append((source, revision))
        raise ZooError(f"cannot find {source} at revision {revision or 'main'!r}: no such thing")

    monkeypatch.setattr("demogen.hub.download.resolve", resolve)
    return asked


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "zoos/dgits",
            "there is no folder zoos/dgits; did you mean 'zoos/digits'? On the Hub it is "
            "zoos/dgits@main",
        ),
        ("./zoos/dgits", "there is no folder ./zoos/dgits; did you mean './zoos/digits'?"),
        ("./nothing/like/it", "there is no folder ./nothing/like/it"),
        ("./empty", "./empty holds no zoo.json"),
        ("nin-cifar10", "no zoo 'nin-cifar10' here; did you mean 'zoos/nin-cifar10'?"),
        ("othre", "no zoo 'othre' here; did you mean 'other'?"),
        ("mnist-smal", "no zoo 'mnist-smal' here; did you mean 'mnist-small'?"),
    ],
)
def test_a_mistyped_folder_is_told_with_near_names_and_no_hub_is_asked(name, message, asked):
    with pytest.raises(ZooError) as error:
        load_zoo(name)
    assert str(error.value) == message
    assert asked == []


@pytest.mark.usefixtures("here")
def test_only_recipes_that_exist_are_advised(asked):
    with pytest.raises(ZooError, match="'demogen train vgg16-cifar100' builds it") as error:
        load_zoo("vgg16-cifar100")
    assert "mnist-small" in str(error.value)
    with pytest.raises(ZooError, match="no zoo 'qqq': neither") as error:
        load_zoo("qqq")
    assert "demogen train" not in str(error.value)
    assert asked == []


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("name", "revision", "message"),
    [
        ("owner/name", None, "there is no folder owner/name, and cannot find owner/name at"),
        ("zoos/dgits@main", None, "cannot find zoos/dgits at revision 'main'"),
        ("zoos/dgits", "v1", "cannot find zoos/dgits at revision 'v1'"),
    ],
)
def test_what_may_be_on_the_hub_is_sought_there(name, revision, message, asked, caplog):
    with pytest.raises(ZooError) as error:
        load_zoo(name, revision)
    assert str(error.value).startswith(message)
    assert len(asked) == 1
    assert caplog.records == []


@pytest.mark.usefixtures("here", "asked")
def test_it_is_said_first_that_the_folder_is_not_there(caplog):
    with pytest.raises(ZooError, match="there is no folder zoos/unlike, and cannot find"):
        load_zoo("zoos/unlike")
    said = [record.getMessage() for record in caplog.records]
    assert said == ["there is no folder zoos/unlike; looking for it on the Hub"]


@pytest.mark.usefixtures("here")
def test_a_revision_makes_no_repository_of_a_name():
    with pytest.raises(ZooError, match="no zoo 'othre' here; did you mean 'other'"):
        load_zoo("othre", "v1")
    assert folders.near_zoos("nin-cifar1") == []
