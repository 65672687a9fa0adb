"""Write the tables of README.md anew: the demo's leaderboard and what its columns mean.

Run by hand after `make demo`: .venv/bin/python tests/readme_tables.py
"""

import textwrap
from pathlib import Path

from leaderboard import render
from leaderboard.results import read_results
from leaderboard.tables import COLUMNS

ROOT = Path(__file__).parents[1]


def main():
    readme = ROOT / "README.md"
    columns = [f"- **{column.heading}**: {column.explanation}" for column in COLUMNS]
    parts = {
        "demo": render(read_results(ROOT / "demo" / "results")).strip(),
        "columns": "\n".join(
            textwrap.fill(line, 100, subsequent_indent="  ", break_on_hyphens=False)
            for line in columns
        ),
    }
    text = readme.read_text()
    for name, content in parts.items():
        start, end = f"<!-- {name} -->\n", f"<!-- /{name} -->\n"
        before, _, rest = text.partition(start)
        after = rest.partition(end)[2] if end in rest else rest
        text = f"{before}{start}{content}\n{end}{after}"
    readme.write_text(text)


if __name__ == "__main__":
    main()
