"""Which measure gave the signatures of a result."""

from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import Field, JsonValue

from demogen.schema.records import Frozen

if TYPE_CHECKING:
    from demogen.measuring.predictor import Measure

Name = Annotated[str, Field(min_length=1)]


class MeasureIdentity(Frozen):
    """Measures of one identity give a network the same signature."""

    name: Name
    version: int
    parameters: dict[str, JsonValue]

    @classmethod
    def of(cls, measure: "Measure") -> Self:
        """The identity of a measure; parameters that JSON does not have are text."""
        parameters = {name: _json(value) for name, value in measure.get_params().items()}
        return cls(name=measure.name, version=measure.version, parameters=parameters)


def _json(value: Any) -> JsonValue:
    """A measure's parameter as JSON: numbers, text and lists as they are, anything else as text."""
    if isinstance(value, list | tuple):
        return [_json(item) for item in value]
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float) and value - value == 0:
        return value
    return str(value)
