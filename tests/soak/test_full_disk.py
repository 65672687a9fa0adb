"""A build on a disk that fills up, twice, and goes on when there is space again."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.zoo_recipes.builders import TINY, tiny
from zoo_recipes import build_zoo

ROOT = Path(__file__).parents[2]

FULL_DISK = """
import os, subprocess, sys
from pathlib import Path
from demogen.cli import main
from tests.zoo_recipes.builders import build_zoo, finished, tiny

disk = Path(sys.argv[1])
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=150k", "tmpfs", disk], check=True)
folder = disk / "zoo"

command = ["train", sys.argv[2], "--folder", str(folder), "--workers", "1"]

def train(*more):
    try:
        main([*command, *more])
    except SystemExit as end:
        return end.code

def resize(size):
    subprocess.run(["mount", "-o", f"remount,size={size}", disk], check=True)

print(train(), len(finished(folder)), sorted(path.name for path in disk.iterdir()))
kept = {path: path.stat().st_mtime_ns for path in finished(folder)}
resize("20m")
train("--shard", "1/1")
used = os.statvfs(disk)
resize((used.f_blocks - used.f_bfree) * used.f_bsize + 65536)
print(train(), len(finished(folder)), sorted(path.name for path in disk.iterdir()))
print(all(path.stat().st_mtime_ns == stamp for path, stamp in kept.items()))
resize("20m")
train()
print(build_zoo(tiny(), folder).digest)
"""


@pytest.mark.skipif(shutil.which("unshare") is None, reason="no unshare command here")
def test_a_full_disk_loses_nothing(tmp_path):
    """Both while a network is saved and while the zoo is packed, on a real disk of 150 KB."""
    permitted = subprocess.run(["unshare", "-rm", "true"], capture_output=True, text=True)
    if permitted.returncode:
        pytest.skip(f"no mounts of one's own here: {permitted.stderr.strip()}")
    recipe = tmp_path.with_suffix(".toml")
    recipe.write_text(
        TINY.read_text().replace("epochs = 8", "epochs = 1").replace("copies = 2", "copies = 1")
    )
    done = subprocess.run(
        ["unshare", "-rm", sys.executable, "-c", FULL_DISK, tmp_path, recipe],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    said = [line for line in done.stderr.splitlines() if line.startswith("demogen: ")]
    assert said == [
        f"demogen: no space left to write {tmp_path / name}: what was finished is kept; free some "
        "space and run the same command again"
        for name in ("zoo.building", "zoo")
    ]
    assert "Traceback" not in done.stderr
    printed = [line for line in done.stdout.splitlines() if line[0] in "2TF" or len(line) == 64]
    saving_stopped, packing_stopped, same, digest = printed
    assert saving_stopped.startswith("2 ")
    assert 0 < int(saving_stopped.split()[1]) < 12
    assert saving_stopped.endswith("['.zoo.locks', 'zoo.building']")
    assert packing_stopped == "2 12 ['.zoo.locks', 'zoo.building']"
    assert (same, digest) == ("True", build_zoo(tiny(), tmp_path / "undisturbed").digest)
