"""The base of all typed data: immutable and closed to unknown keys. Nothing imports torch."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]

Width = Annotated[int, Field(ge=1, le=65_536)]


class Frozen(BaseModel):
    """Base of all typed data here: immutable, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")
