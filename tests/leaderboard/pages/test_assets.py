"""What lies beside the pages is what its record says, and nothing else."""

import hashlib
import re
from pathlib import Path

import leaderboard

ASSETS = Path(leaderboard.__file__).parent / "pages" / "assets"
RECORD = (ASSETS / "README.md").read_text(encoding="utf-8")
ROWS = re.findall(
    r"^\| `(.+?)` \| `(.+?)` \| ([\d.]+) \| (\w+) \(`(.+?)`\) \| `([0-9a-f]{64})` \|$",
    RECORD,
    re.MULTILINE,
)


def test_every_vendored_file_is_recorded_with_its_sha256_and_license():
    vendored = {f"vendor/{path.name}" for path in (ASSETS / "vendor").iterdir()}
    assert vendored == {name for row in ROWS for name in (row[0], row[4])}
    for name, package, version, license, terms, digest in ROWS:
        content = (ASSETS / name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == digest, f"{name} is not {package} {version}"
        assert version in content[:300].decode()
        text = " ".join((ASSETS / terms).read_text(encoding="utf-8").split())
        assert f"{license} License" in text
        assert "copies or substantial portions of the Software" in text


def test_own_scripts_are_strict_and_put_no_markup_into_pages():
    own = sorted(ASSETS.glob("*.js"))
    assert [path.name for path in own] == ["explain.js", "plots.js", "table.js"]
    for path in own:
        text = path.read_text(encoding="utf-8")
        assert text.startswith('"use strict";\n')
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(|https?:", text
        )
        assert len(text.splitlines()) < 400
