import subprocess
import sys

from leaderboard.results.result import write_result

WITHOUT_TORCH = """
import sys
from pathlib import Path

import leaderboard
import leaderboard.cli.commands
import leaderboard.results.evaluation
from leaderboard.results.result import read_results
from leaderboard.pages.site import write_site
from leaderboard.results.verification import verify

folder = Path(sys.argv[1])
results = read_results(folder)
assert "toy-predictor" in leaderboard.render(results)
verify(results[0], refit=False)
write_site(results, folder / "site")
assert "torch" not in sys.modules, "torch was imported"
"""

LIGHT = """
import sys
import leaderboard

assert set(leaderboard.__all__) <= set(dir(leaderboard))
assert not {"torch", "pandas", "sklearn", "matplotlib"} & set(sys.modules), "too much"
"""


def test_tables_pages_and_checks_need_no_torch(results, tmp_path):
    for result in results:
        write_result(result, tmp_path)
    subprocess.run([sys.executable, "-c", WITHOUT_TORCH, str(tmp_path)], check=True)
    assert (tmp_path / "site" / "index.html").stat().st_size > 10_000


def test_the_package_alone_imports_almost_nothing():
    subprocess.run([sys.executable, "-c", LIGHT], check=True)
