"""A zoo of arbitrary bytes, and the calls that send it to a loopback Hub and back."""

from pathlib import Path

import pytest

from demogen.errors import ZooError
from demogen.hub import download, publishing
from demogen.schema.records import FileDigest, Paper, ZooManifest, sha256
from tests.hub.fixtures import LoopbackHub
from tests.hub.server import READER, STRANGER, WRITER

REPOSITORY = "ours/tiny"

FILES = {
    "networks.parquet": b"PAR1" + bytes(range(256)) * 8,
    "labels.safetensors": b"\x08" + b"labels" * 30,
    "splits/kfold-10.json": b'{"name": "kfold-10"}\n',
    "shards/00000.tar": b"first" * 4_000,
    "shards/00001.tar": b"second" * 5_000,
}


def make_zoo(folder: Path, files: dict[str, bytes] = FILES, name: str = "tiny") -> Path:
    """Arbitrary bytes under the names of a zoo, and a zoo.json that tells the truth of them."""
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    manifest = ZooManifest(
        format_version=1,
        name=name,
        recipe_digest="0" * 64,
        code_version="0.1.0",
        paper=Paper(key="nobody2020", title="Nothing", section="1"),
        image_sets={"digits": "1" * 64},
        networks=3,
        planned=3,
        files={
            path: FileDigest(bytes=len(content), sha256=sha256(content))
            for path, content in files.items()
        },
    )
    (folder / "zoo.json").write_bytes(manifest.to_json())
    (folder / "README.md").write_text("---\nlicense: cc-by-4.0\n---\n# tiny\n")
    (folder / "croissant.json").write_text('{"name": "of their own"}\n')
    (folder / "runs.parquet").write_bytes(b"PAR1 seconds and hosts")
    return folder


def make_later_zoo(folder: Path) -> Path:
    """A later state of the zoo: one shard changed, one gone."""
    files = {**FILES, "shards/00000.tar": b"changed" * 1_000}
    del files["shards/00001.tar"]
    return make_zoo(folder, files)


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}
    found.pop(".gitattributes", None)
    return found


def make_wide_zoo(folder: Path, splits: int) -> Path:
    """A zoo of many small files, more than go into one commit."""
    many = {f"splits/fold-{number:03}.json": b"{%d}\n" % number for number in range(splits)}
    return make_zoo(folder, {**FILES, **many})


def publish(hub: LoopbackHub, folder: Path, **more: object) -> publishing.Published:
    arguments = {"endpoint": hub.endpoint, "token": WRITER, "progress": False, **more}
    return publishing.push(folder, REPOSITORY, **arguments)


def push(hub: LoopbackHub, folder: Path, **more: object) -> str:
    """The commit of a push."""
    return publish(hub, folder, **more).commit


def pull(hub: LoopbackHub, folder: Path | None = None, **more: object) -> Path:
    return download.pull(REPOSITORY, folder, endpoint=hub.endpoint, **more)


def one_line(error: pytest.ExceptionInfo[ZooError]) -> str:
    message = str(error.value)
    assert "\n" not in message
    assert all(token not in message for token in (WRITER, READER, STRANGER))
    return message
