"""Where networks come from that were trained elsewhere: what their source says of them, as is."""

import math
from typing import Annotated, Self

from pydantic import Field, StrictBool, StrictFloat, StrictInt, StrictStr, model_validator

from demogen.schema.frozen import Frozen, Sha256

Text = Annotated[str, Field(min_length=1, max_length=256)]
FactorName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_.:+-]{0,63}$")]
ForeignLevel = (
    StrictBool
    | Annotated[StrictInt, Field(ge=-(2**63), lt=2**63)]
    | StrictFloat
    | Annotated[StrictStr, Field(max_length=256)]
)
"""A level that a source gives one of its factors: as it stands there, text or number."""

MOST_FACTORS = 64


class Origin(Frozen):
    """Of one network: the archive that it comes from, its name there, and its factors there."""

    archive: Text
    """Of `Archive.name`."""
    network: Text
    """What the archive calls it: a folder, a key, the number of a row."""
    factors: Annotated[dict[FactorName, ForeignLevel], Field(max_length=MOST_FACTORS)] = {}
    """What varies among its networks, by the source's own names; a column of the table each."""

    @model_validator(mode="after")
    def _levels_are_finite(self) -> Self:
        for name, level in self.factors.items():
            if isinstance(level, float) and not math.isfinite(level):
                raise ValueError(f"factor {name!r} is {level}; leave out what has no value")
        return self


class Archive(Frozen):
    """Of a zoo that was imported: what was read, and what its authors ask of those who use it."""

    name: Text
    """"demogen/nin-cifar10", say."""
    sha256: Sha256
    """Over all that was read, as the importer of this kind of archive says."""
    license: str = ""
    """As its authors write it; "": they say nothing."""
    citation: str = ""
    """BibTeX."""
    notes: tuple[Text, ...] = ()
    """What a reader must know: what could not be made again, what was measured how."""
