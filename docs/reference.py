"""Write the API reference, from the docstrings of all public names: docs/reference.py FOLDER.

Public are the names that an `__init__.pyi` lists. What cannot be imported or resolved is an error.
"""

import re
import sys
import warnings
from pathlib import Path

import pdoc

ROOT = Path(__file__).parents[1]
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


def main(folder: str) -> None:
    """Write the pages below a folder."""
    warnings.simplefilter("error")
    pdoc.render.configure(
        docformat="google", footer_text="demogen", template_directory=Path(__file__).parent / "pdoc"
    )
    pdoc.render.env.filters["without_constraints"] = without_constraints
    lists = sorted(ROOT.glob("*/**/__init__.pyi"))
    modules = [".".join(path.relative_to(ROOT).parent.parts) for path in lists]
    pdoc.pdoc(*modules, output_directory=Path(folder))
    print(f"wrote {Path(folder) / 'index.html'}")


if __name__ == "__main__":
    main(*sys.argv[1:])
