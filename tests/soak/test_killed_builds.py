"""Kill -9 at random moments, then start again: nothing lost, nothing twice, the same zoo."""

import os
import random
import subprocess
import sys
import time
from pathlib import Path

from zoo_recipes import build_zoo, load_recipe

TINY = Path(__file__).parents[1] / "data" / "tiny.toml"
KILLS = 20


def test_a_build_killed_twenty_times_gives_the_undisturbed_zoo(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import sys\n"
        "from zoo_recipes import build_zoo, load_recipe\n"
        "if __name__ == '__main__':\n"
        f"    build_zoo(load_recipe({str(TINY)!r}), sys.argv[1], workers=2)\n"
    )
    draw = random.Random(0)
    kills, folders = 0, [tmp_path / "zoo-0"]
    while kills < KILLS:
        building = subprocess.Popen([sys.executable, script, folders[-1]], env=os.environ)
        try:
            # Loading takes seconds, the build of what is missing some more.
            building.wait(timeout=2 + 6 * draw.random())
            folders.append(tmp_path / f"zoo-{len(folders)}")
        except subprocess.TimeoutExpired:
            kills += 1
        finally:
            building.kill()
            building.wait()
        workers_end(tmp_path)
    undisturbed = build_zoo(load_recipe(TINY), tmp_path / "undisturbed").digest
    for folder in folders:
        zoo = build_zoo(load_recipe(TINY), folder)
        zoo.verify()
        assert len(zoo) == 24
        assert zoo.digest == undisturbed
    left = {path.name for path in tmp_path.iterdir() if path.is_dir()}
    assert left == {"undisturbed", *(folder.name for folder in folders)}


def workers_end(folder):
    """Wait until no process has the script's folder in its command line any more."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        lines = [line for line in map(command_line, Path("/proc").glob("[0-9]*")) if line]
        if not any(str(folder) in line for line in lines):
            return
        time.sleep(0.05)


def command_line(process):
    try:
        return (process / "cmdline").read_text().replace("\0", " ")
    except OSError:
        return ""
