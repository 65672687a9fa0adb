"""The stock clients, as their users call them, with a real little zoo on the loopback Hub."""

import io
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import datasets
import pandas
import pytest
from huggingface_hub import (
    CommitOperationAdd,
    HfApi,
    HfFileSystem,
    hf_hub_download,
    snapshot_download,
)
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from safetensors.torch import load

from demogen import Zoo
from tests.hub.fixtures import LoopbackHub
from tests.hub.server import READER, STRANGER, WRITER

NAME = "ours/tiny"
DATASET = {"repo_id": NAME, "repo_type": "dataset"}

pytestmark = [
    # The Hub's client hands an open file to its HTTP library in a way that library is giving up.
    pytest.mark.filterwarnings("ignore:Use 'content=<...>':DeprecationWarning"),
    # A file system that is kept for later opens streams it leaves to the garbage collector.
    pytest.mark.usefixtures("fresh_file_systems"),
]


@pytest.fixture
def fresh_file_systems() -> Iterator[None]:
    """Of fsspec's file systems, which are kept by address, none remembers an earlier Hub."""
    HfFileSystem.clear_instance_cache()
    yield
    HfFileSystem.clear_instance_cache()


@pytest.fixture
def files(tiny_zoo_folder: Path) -> dict[str, bytes]:
    found = (path for path in tiny_zoo_folder.rglob("*") if path.is_file())
    return {path.relative_to(tiny_zoo_folder).as_posix(): path.read_bytes() for path in found}


@pytest.fixture
def api(hub: LoopbackHub) -> HfApi:
    return HfApi(hub.endpoint, WRITER)


@pytest.fixture
def commit(api: HfApi, files: dict[str, bytes]) -> str:
    """The zoo, pushed with the client's own means and tagged v1."""
    api.create_repo(**DATASET)
    operations = [CommitOperationAdd(path, io.BytesIO(text)) for path, text in files.items()]
    made = api.create_commit(operations=operations, commit_message="the zoo", **DATASET)
    api.create_tag(tag="v1", revision=made.oid, **DATASET)
    return made.oid


class TestApi:
    def test_repositories_are_made_once(self, api: HfApi) -> None:
        url = api.create_repo(**DATASET)
        assert url.repo_id == NAME
        assert api.create_repo(**DATASET, exist_ok=True) == url
        with pytest.raises(HfHubHTTPError, match="already created"):
            api.create_repo(**DATASET)

    def test_what_is_committed_is_told_back(
        self, api: HfApi, commit: str, files: dict[str, bytes]
    ) -> None:
        info = api.repo_info(**DATASET, revision="v1")
        assert (info.id, info.sha, info.private) == (NAME, commit, False)
        assert {file.rfilename for file in info.siblings} == {*files, ".gitattributes"}
        found = api.get_paths_info(paths=["zoo.json", "shards", "absent"], **DATASET)
        assert [entry.path for entry in found] == ["zoo.json", "shards"]
        assert found[0].size == len(files["zoo.json"])

    @pytest.mark.parametrize("page", [1, 4, 1000])
    def test_the_tree_comes_in_pages(
        self, hub: LoopbackHub, api: HfApi, commit: str, files: dict[str, bytes], page: int
    ) -> None:
        hub.state.page = page
        hub.faults.clear()
        entries = list(api.list_repo_tree(recursive=True, revision=commit, **DATASET))
        sizes = {entry.path: entry.size for entry in entries if hasattr(entry, "size")}
        del sizes[".gitattributes"]
        assert sizes == {path: len(content) for path, content in files.items()}
        assert {entry.path for entry in entries if not hasattr(entry, "size")} == {
            "shards",
            "splits",
        }
        assert hub.faults.count("/tree/") == -(-len(entries) // page)
        below = [entry.path for entry in api.list_repo_tree(path_in_repo="shards", **DATASET)]
        assert below == sorted(path for path in files if path.startswith("shards/"))

    def test_branches_and_tags(self, api: HfApi, commit: str) -> None:
        api.create_branch(branch="draft/two", revision=commit, **DATASET)
        addition = [CommitOperationAdd("note.txt", io.BytesIO(b"note"))]
        made = api.create_commit(
            operations=addition, commit_message="note", revision="draft/two", **DATASET
        )
        refs = api.list_repo_refs(**DATASET)
        branches = {ref.name: ref.target_commit for ref in refs.branches}
        assert branches == {"main": commit, "draft/two": made.oid}
        assert [(ref.ref, ref.target_commit) for ref in refs.tags] == [("refs/tags/v1", commit)]
        with pytest.raises(HfHubHTTPError, match="409"):
            api.create_tag(tag="v1", revision=made.oid, **DATASET)
        with pytest.raises(HfHubHTTPError, match="409"):
            api.create_branch(branch="draft/two", **DATASET)
        with pytest.raises(RevisionNotFoundError):
            api.repo_info(**DATASET, revision="v2")

    def test_what_a_token_may_do(self, hub: LoopbackHub, api: HfApi, commit: str) -> None:
        def ask(token: str | bool) -> None:
            client = HfApi(hub.endpoint, token)
            client.repo_info(**DATASET)
            client.hf_hub_download(filename="zoo.json", **DATASET)

        hub.repository(NAME).configure(gated="manual")
        for token, status in ((STRANGER, 403), (False, 401)):
            with pytest.raises(GatedRepoError) as gated:
                ask(token)
            assert gated.value.response.status_code == status
        hub.repository(NAME).configure(gated=False, private=True)
        for token in (STRANGER, False):
            with pytest.raises(RepositoryNotFoundError):
                ask(token)
        with pytest.raises(HfHubHTTPError, match="401") as wrong:
            ask("hf_of_nobody")
        assert type(wrong.value) is HfHubHTTPError
        ask(READER)
        with pytest.raises(HfHubHTTPError, match="write access"):
            HfApi(hub.endpoint, READER).create_tag(tag="v2", **DATASET)

    def test_the_caller_waits_as_long_as_the_limit_says(
        self,
        hub: LoopbackHub,
        api: HfApi,
        commit: str,
        files: dict[str, bytes],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        now, slept = [0.0], []

        def sleep(seconds: float) -> None:
            slept.append(seconds)
            now[0] += seconds

        monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", sleep)
        hub.state.clock = lambda: now[0]
        hub.state.rate_limit = (1, 30)
        local = api.hf_hub_download(filename="zoo.json", revision=commit, **DATASET)
        assert slept == [31.0]
        assert Path(local).read_bytes() == files["zoo.json"]


@pytest.mark.parametrize("redirect", [False, True], ids=["direct", "redirected"])
class TestDownloads:
    @pytest.fixture(autouse=True)
    def told(self, hub: LoopbackHub, commit: str, redirect: bool) -> None:
        hub.state.redirect = redirect
        hub.faults.clear()

    def test_one_file(
        self, hub: LoopbackHub, commit: str, files: dict[str, bytes], redirect: bool
    ) -> None:
        about = {**DATASET, "endpoint": hub.endpoint, "token": READER}
        for path in ("zoo.json", "shards/00000.tar"):
            hub.faults.clear()
            local = Path(hf_hub_download(filename=path, revision="v1", **about))
            assert local.read_bytes() == files[path]
            assert local.parents[path.count("/")].name == commit
            elsewhere = redirect and path.endswith(".tar")
            assert hub.faults.count("^HEAD .*/resolve/") == 1
            assert hub.faults.count("^GET /cdn/" if elsewhere else "^GET .*/resolve/") == 1
            assert len(hub.faults.requests) == 2
        assert not any(exchange.authorized for exchange in hub.faults.matching("/cdn/"))
        hub.faults.clear()
        hf_hub_download(filename="zoo.json", revision=commit, **about)
        assert hub.faults.requests == []
        with pytest.raises(RemoteEntryNotFoundError):
            hf_hub_download(filename="absent", **about)

    def test_all_files(self, hub: LoopbackHub, commit: str, files: dict[str, bytes]) -> None:
        about = {**DATASET, "endpoint": hub.endpoint}
        local = Path(snapshot_download(revision="v1", **about))
        found = {path: (local / path).read_bytes() for path in files}
        assert found == files
        hub.faults.clear()
        assert Path(snapshot_download(revision=commit, **about)) == local
        assert hub.faults.requests == []

    def test_a_dropped_connection_is_got_over(
        self, hub: LoopbackHub, files: dict[str, bytes], no_waiting: None, redirect: bool
    ) -> None:
        place = "/cdn/" if redirect else "/resolve/"
        hub.faults.add("drop", f"^GET .*{place}.*00000.tar", at=1000)
        local = hf_hub_download(filename="shards/00000.tar", endpoint=hub.endpoint, **DATASET)
        assert Path(local).read_bytes() == files["shards/00000.tar"]
        assert hub.faults.count(f"^GET .*{place}.*00000.tar") == 2


@pytest.mark.parametrize("redirect", [False, True], ids=["direct", "redirected"])
class TestFileSystem:
    ROOT = f"datasets/{NAME}@v1"

    @pytest.fixture
    def system(self, hub: LoopbackHub, commit: str, redirect: bool) -> HfFileSystem:
        hub.state.redirect = redirect
        return HfFileSystem(endpoint=hub.endpoint, token=READER)

    def test_listing(self, system: HfFileSystem, files: dict[str, bytes]) -> None:
        listed = {entry["name"]: entry["type"] for entry in system.ls(self.ROOT)}
        top = {path.split("/")[0]: "directory" if "/" in path else "file" for path in files}
        assert listed == {f"{self.ROOT}/{name}": kind for name, kind in top.items()} | {
            f"{self.ROOT}/.gitattributes": "file"
        }
        tars = [path for path in files if path.endswith(".tar")]
        assert system.glob(f"{self.ROOT}/shards/*.tar") == [f"{self.ROOT}/{path}" for path in tars]
        assert system.info(f"{self.ROOT}/shards")["type"] == "directory"
        assert system.exists(f"{self.ROOT}/zoo.json")
        assert not system.exists(f"{self.ROOT}/absent")

    def test_reading(self, hub: LoopbackHub, system: HfFileSystem, files: dict[str, bytes]) -> None:
        path, content = f"{self.ROOT}/shards/00000.tar", files["shards/00000.tar"]
        assert system.cat_file(path) == content
        hub.faults.clear()
        with system.open(path, "rb", cache_type="none") as file:
            file.seek(600)
            assert file.read(900) == content[600:1500]
        assert set(hub.faults.ranges) == {"bytes=600-1499"}
        assert hub.faults.sent("^GET .*/(resolve/v1/|cdn/.*/)shards/") - 900 in range(250)


@pytest.fixture(params=[True, False], ids=["streaming", "downloading"])
def how(
    request: pytest.FixtureRequest, hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch
) -> dict[str, object]:
    """How load_dataset is told which Hub.

    With `streaming` it takes an endpoint with the call; otherwise it looks at HF_ENDPOINT alone,
    which it has read at import.
    """
    about = {"split": "train", "streaming": request.param}
    if request.param:
        return {**about, "storage_options": {"hf": {"endpoint": hub.endpoint}}}
    monkeypatch.setattr(datasets.config, "HF_ENDPOINT", hub.endpoint)
    return about


class TestTables:
    def test_pandas(self, hub: LoopbackHub, commit: str, tiny_zoo_folder: Path) -> None:
        found = pandas.read_parquet(
            f"hf://datasets/{NAME}@{commit}/networks.parquet",
            storage_options={"endpoint": hub.endpoint},
        )
        expected = pandas.read_parquet(tiny_zoo_folder / "networks.parquet")
        pandas.testing.assert_frame_equal(found, expected)
        assert hub.faults.count("^GET .*/shards/") == 0

    def test_datasets(self, commit: str, tiny_zoo_folder: Path, how: dict[str, object]) -> None:
        place = f"hf://datasets/{NAME}@{commit}/networks.parquet"
        found = datasets.load_dataset("parquet", data_files=place, **how)
        expected = pandas.read_parquet(tiny_zoo_folder / "networks.parquet")
        assert [row["id"] for row in found] == list(expected["id"])
        assert set(found.column_names) == set(expected.columns)

    def test_formats_of_datasets_change_numbers(self, tmp_path: Path) -> None:
        """As docs/hub.md says; rows as they come, and the format "arrow", keep them."""
        file = str(tmp_path / "networks.parquet")
        columns = {"gap": [1 / 3, 0.1], "plateau_epochs": pandas.array([None, 5], "Int64")}
        pandas.DataFrame(columns).to_parquet(file)
        cache = str(tmp_path / "cache")
        table = datasets.load_dataset("parquet", data_files=file, split="train", cache_dir=cache)
        assert table["gap"][0] == 1 / 3
        assert table["plateau_epochs"][:] == [None, 5]
        assert table.with_format("arrow")[:].column("gap").to_pylist() == [1 / 3, 0.1]
        for name in ("numpy", "torch"):
            rounded = table.with_format(name)
            assert str(rounded[:]["gap"].dtype).endswith("float32")
            assert float(rounded[:]["gap"][0]) == pytest.approx(1 / 3, rel=1e-7)
            assert float(rounded[:]["gap"][0]) != 1 / 3
            assert str(rounded[:]["plateau_epochs"].dtype).endswith("float32")
        assert str(table.with_format("pandas")[:]["plateau_epochs"].dtype) == "float64"

    def test_the_card_names_them_to_a_process_with_its_own_environment(
        self, hub: LoopbackHub, commit: str, tiny_zoo_folder: Path, tmp_path: Path
    ) -> None:
        script = f"""
import datasets
found = datasets.load_dataset("{NAME}", "networks", revision="v1", split="train")
print(*found["id"])
"""
        environment = hub.environment(tmp_path / "home", READER)
        command = [sys.executable, "-c", script]
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        expected = pandas.read_parquet(tiny_zoo_folder / "networks.parquet")
        assert done.stdout.split() == list(expected["id"])
        assert hub.faults.count("resolve/.*/shards/") == 0


class TestWebDataset:
    def test_networks_are_the_zoos(
        self, commit: str, tiny_zoo: Zoo, files: dict[str, bytes], how: dict[str, object]
    ) -> None:
        shards = sorted(path for path in files if path.endswith(".tar"))
        places = [f"hf://datasets/{NAME}@{commit}/{path}" for path in shards]
        samples = datasets.load_dataset("webdataset", data_files=places, **how)
        found = {sample["__key__"]: sample["safetensors"] for sample in samples}
        rows = pandas.read_parquet(io.BytesIO(files["networks.parquet"]))
        assert found == {
            f"{row.id}/network": files[row.shard][row.offset : row.offset + row.length]
            for row in rows.itertuples()
        }
        assert len(found) == len(tiny_zoo) == 24
        for network in (tiny_zoo[id] for id in tiny_zoo.ids[::8]):
            loaded, expected = load(found[f"{network.id}/network"]), network.module.state_dict()
            assert loaded.keys() == expected.keys()
            assert all(loaded[name].equal(expected[name]) for name in expected)
