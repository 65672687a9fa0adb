"""The base of all typed data: immutable and closed to unknown keys. Nothing imports torch."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]

Width = Annotated[int, Field(ge=1, le=65_536)]


def _one_table(logits: tuple[tuple[float, ...], ...]) -> tuple[tuple[float, ...], ...]:
    if len({len(row) for row in logits}) != 1:
        raise ValueError("each input needs as many logits as any other")
    return logits


ProbeLogits = Annotated[
    tuple[
        Annotated[tuple[Annotated[float, Field(allow_inf_nan=False)], ...], Field(min_length=1)],
        ...,
    ],
    Field(min_length=1),
    AfterValidator(_one_table),
]
"""Logits of a few fixed inputs, (inputs, classes): finite, and not none."""


class Frozen(BaseModel):
    """Base of all typed data here: immutable, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")
