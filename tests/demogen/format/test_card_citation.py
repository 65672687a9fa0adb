import pytest
from click.testing import CliRunner

from demogen import Pool, ZooError, cli, load_zoo, push
from demogen.description import citation
from tests.hub.server import WRITER


def parts(text):
    """BibTeX entries, and the one line behind them."""
    *entries, line = text.strip().split("\n\n")
    assert "\n" not in line
    assert all(entry.startswith("@") for entry in entries)
    return entries, line


def test_a_zoo_is_pinned_by_its_digest(tiny_zoo):
    (entry,), line = parts(citation(tiny_zoo))
    assert entry.startswith(f"@misc{{tiny-zoo-{tiny_zoo.digest[:12]},\n")
    assert f"sha256:{tiny_zoo.digest}}}" in entry
    assert line == f"zoo tiny of 24 networks, sha256:{tiny_zoo.digest}"


def test_a_split_is_pinned_by_its_own(tiny_zoo):
    split = tiny_zoo.splits["leave-width-out"]
    (entry,), line = parts(citation(tiny_zoo, split.name))
    assert entry.startswith(f"@misc{{tiny-zoo-{tiny_zoo.digest[:12]}-leave-width-out,\n")
    assert "title = {The tiny zoo of 24 trained networks, split leave-width-out}" in entry
    assert f"sha256:{tiny_zoo.digest}, split of 3 folds sha256:{split.digest}" in entry
    assert line == (
        f"split leave-width-out of zoo tiny@{tiny_zoo.digest[:12]}, 3 folds, "
        f"sha256:{split.digest}; zoo tiny of 24 networks, sha256:{tiny_zoo.digest}"
    )


def test_a_pool_is_cited_with_all_its_zoos(tiny_zoo, mlp_zoo_folder):
    mlp = load_zoo(mlp_zoo_folder)
    pool = Pool([tiny_zoo, mlp])
    entries, line = parts(citation(pool, "leave-zoo-out"))
    assert [entry.split("-zoo-")[0] for entry in entries] == ["@misc{tiny", "@misc{tiny-mlp"]
    assert line.split("; ") == [
        pool.splits["leave-zoo-out"].citation(),
        f"pool tiny+tiny-mlp of 36 networks, sha256:{pool.digest}",
        f"zoo tiny of 24 networks, sha256:{tiny_zoo.digest}",
        f"zoo tiny-mlp of 12 networks, sha256:{mlp.digest}",
    ]
    with pytest.raises(ZooError, match="split of tiny.tiny-mlp 'leave-zo-out'; did you mean 'leav"):
        citation(pool, "leave-zo-out")


@pytest.mark.filterwarnings("ignore:Use 'content=<...>':DeprecationWarning")
def test_a_zoo_on_the_hub_is_pinned_by_its_commit(tiny_zoo, hub):
    to = {"endpoint": hub.endpoint, "token": WRITER, "progress": False}
    commit = push(tiny_zoo.storage.place, "owner/tiny", tag="v1", **to).commit
    zoo = load_zoo("owner/tiny@v1", endpoint=hub.endpoint)
    assert zoo.revision == commit
    (entry,), line = parts(citation(zoo))
    assert "dataset owner/tiny on the Hugging Face Hub" in entry
    assert f"revision {commit}" in entry
    assert line == (
        f"zoo tiny of 24 networks, owner/tiny on the Hugging Face Hub at commit {commit}, "
        f"sha256:{zoo.digest}"
    )
    assert load_zoo(f"owner/tiny@{commit}", endpoint=hub.endpoint).revision == commit
    with pytest.raises(ZooError, match="owner/tiny"):
        load_zoo("owner/tiny@v2", endpoint=hub.endpoint)


def test_a_revision_is_said_once_and_of_a_repository(tiny_zoo_folder, tmp_path):
    with pytest.raises(ZooError, match="revision given twice, 'v1' and 'v2'; give one"):
        load_zoo("owner/tiny@v1", "v2")
    with pytest.raises(ZooError, match="is a folder here and has no revisions; leave @v1 out"):
        load_zoo(f"{tiny_zoo_folder}@v1")
    with pytest.raises(ZooError, match="no zoo 'nowhere'"):
        load_zoo("nowhere@v1")
    named = tmp_path / "tiny@home"
    named.symlink_to(tiny_zoo_folder)
    assert load_zoo(named).name == "tiny"


def test_the_command_prints_it(tiny_zoo_folder, mlp_zoo_folder):
    def cited(*words):
        done = CliRunner().invoke(cli.commands, ["cite", *map(str, words)], catch_exceptions=False)
        assert done.exit_code == 0
        return done.output

    zoo = load_zoo(tiny_zoo_folder)
    assert cited(tiny_zoo_folder) == citation(zoo) + "\n"
    chosen = ("--split", "leave-corruption-out")
    assert cited(tiny_zoo_folder, *chosen) == citation(zoo, chosen[1]) + "\n"
    assert "pool tiny+tiny-mlp of 36 networks" in cited(tiny_zoo_folder, mlp_zoo_folder)
    with pytest.raises(ZooError, match="did you mean 'leave-width-out'"):
        cited(tiny_zoo_folder, "--split", "leave-with-out")
