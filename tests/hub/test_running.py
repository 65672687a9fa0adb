"""The Hub as a process of its own, as used by hand and by benchmarks."""

import argparse
import io
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest
from huggingface_hub import CommitOperationAdd, HfApi

from tests.hub.__main__ import fault
from tests.hub.running import serving
from tests.hub.server import READER, WRITER
from tests.hub.store import Store

ABOUT = {"repo_id": "ours/things", "repo_type": "dataset"}
PATH = "/datasets/ours/things/resolve/main/a.tar"


def prepared(root: Path) -> Path:
    repository = Store(root).create("ours/things")
    repository.commit("main", {"a.tar": repository.add_large(b"large" * 1000)}, "by hand")
    return root


@pytest.mark.filterwarnings("ignore:Use 'content=<...>':DeprecationWarning")
def test_it_takes_commits_and_keeps_them(tmp_path: Path) -> None:
    with serving(tmp_path) as endpoint:
        api = HfApi(endpoint, WRITER)
        api.create_repo(**ABOUT)
        addition = CommitOperationAdd("b.tar", io.BytesIO(b"b" * 100))
        made = api.create_commit(operations=[addition], commit_message="one", **ABOUT)
    with pytest.raises(httpx2.ConnectError):
        httpx2.get(endpoint)
    with serving(tmp_path) as endpoint:
        assert HfApi(endpoint, READER).repo_info(**ABOUT).sha == made.oid


def test_options_reach_it(tmp_path: Path) -> None:
    faults = ["--fault", "503:^GET:2", "--fault", "truncate:^GET /cdn/:-1"]
    with serving(prepared(tmp_path), "--latency", "0.3", "--redirect", *faults) as endpoint:
        with pytest.raises(httpx2.ReadTimeout):
            httpx2.get(f"{endpoint}/api/datasets/ours/things", timeout=0.1)
        answers = [httpx2.get(endpoint + PATH, follow_redirects=True) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [503, 200, 200]
    assert {answer.content for answer in answers[1:]} == {(b"large" * 1000)[:2500]}


def test_it_says_how_to_reach_it(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.hub", "--port", "0", "--root", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        first, second = process.stdout.readline(), process.stdout.readline()
        process.terminate()
    endpoint = first.split()[0]
    assert endpoint.startswith("http://127.0.0.1:")
    assert WRITER in first
    assert READER in first
    assert second.split() == [
        "export",
        f"HF_ENDPOINT={endpoint}",
        f"HF_TOKEN={WRITER}",
        "HF_HUB_DISABLE_XET=1",
    ]


def test_one_that_does_not_start_is_told(tmp_path: Path) -> None:
    broken = serving(tmp_path, "--fault", "leak:^GET")
    with pytest.raises(RuntimeError, match="did not start"):
        broken.__enter__()


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("503:^GET .*/resolve/:2", (503, "^GET .*/resolve/", 2)),
        ("drop:shards", ("drop", "shards", 1)),
        ("slow:a:b:-1", ("slow", "a:b", -1)),
        ("flip:(?:a|b)", ("flip", "(?:a|b)", 1)),
    ],
)
def test_faults_are_written_so(text: str, meant: tuple[str | int, str, int]) -> None:
    assert fault(text) == meant


@pytest.mark.parametrize("text", ["leak:x", "drop", "503:", ":x"])
def test_what_is_no_fault_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="is not KIND:PATTERN"):
        fault(text)
