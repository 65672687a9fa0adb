"""Write the API reference, from the docstrings of all public names: docs/reference.py FOLDER.

Public are the names that an `__init__.pyi` lists. What cannot be imported or resolved is an error.
"""

import re
import sys
import warnings
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("demogen", "leaderboard", "zoo_recipes")
CONSTRAINT = re.compile(r", [A-Z]\w+\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)")
ANNOTATED = re.compile(r"(?:typing\.)?Annotated\[((?:[^][]|\[[^][]*\])*)\]")


def without_constraints(annotation: str) -> str:
    """The type in an annotation, without what pydantic checks of its values.

    >>> without_constraints("Annotated[tuple[Annotated[int, FieldInfo(metadata=[Ge(ge=0)])], ...]]")
    'tuple[int, ...]'
    """
    annotation, found = CONSTRAINT.sub("", annotation), 1
    while found:
        annotation, found = ANNOTATED.subn(r"\1", annotation)
    return annotation


def public_modules(root: Path) -> list[str]:
    """The sub-packages of ours that list public names; a `.venv` beside them is not ours."""
    lists = [path for package in PACKAGES for path in (root / package).rglob("__init__.pyi")]
    return sorted(".".join(path.relative_to(root).parent.parts) for path in lists)


def main(folder: str) -> None:
    """Write the pages below a folder."""
    import pdoc

    warnings.simplefilter("error")
    pdoc.render.configure(
        docformat="google", footer_text="demogen", template_directory=Path(__file__).parent / "pdoc"
    )
    pdoc.render.env.filters["without_constraints"] = without_constraints
    pdoc.pdoc(*public_modules(ROOT), output_directory=Path(folder))
    print(f"wrote {Path(folder) / 'index.html'}")


if __name__ == "__main__":
    main(*sys.argv[1:])
