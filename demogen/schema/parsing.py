"""Content from outside made into typed data, and back into text that is always the same."""

import hashlib
import json
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from demogen.errors import ZooError

Model = TypeVar("Model", bound=BaseModel)


def parse(model: type[Model], content: Any, where: str) -> Model:
    """Validate `content`; raise ZooError with one line naming the first fault and its place."""
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise ZooError(f"{where}: {first_fault(error)}") from error


def first_fault(error: ValidationError) -> str:
    """The first fault of a validation error as 'place: what is wrong'."""
    fault = error.errors()[0]
    place = ".".join(str(part) for part in fault["loc"])
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    return f"{place}: {fault['msg']}{more}" if place else f"{fault['msg']}{more}"


def canonical_json(content: Any) -> str:
    """JSON with sorted keys and no spaces; NaN refused."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)


def sha256(content: bytes | memoryview) -> str:
    """Hex sha256."""
    return hashlib.sha256(content).hexdigest()
