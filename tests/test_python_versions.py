"""The Python versions that the package names are those that its workflow tests."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_the_workflow_tests_the_versions_that_the_package_names():
    workflow = (ROOT / ".github" / "workflows" / "tests.yml").read_text()
    [listed] = re.findall(r"^ +python: \[(.*)\]$", workflow, re.MULTILINE)
    assert "python-version: ${{ matrix.python }}" in workflow
    versions = re.findall(r'"(3\.\d+)"', listed)
    prefix = "Programming Language :: Python :: 3."
    named = [one.rpartition(" ")[2] for one in PROJECT["classifiers"] if one.startswith(prefix)]
    assert versions == named
    assert PROJECT["requires-python"] == f">={versions[0]}"
