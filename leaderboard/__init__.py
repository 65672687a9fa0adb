"""Score predictors on the standardized splits of a zoo, rank them, publish what came out.

The public names below are imported when first used: tables and pages are made without torch.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from leaderboard.pages.tables import render
    from leaderboard.results.evaluation import benchmark, evaluate
    from leaderboard.results.result import Result

_MODULE_OF = {
    "Result": "results.result",
    "benchmark": "results.evaluation",
    "evaluate": "results.evaluation",
    "render": "pages.tables",
}

__all__ = ["Result", "benchmark", "evaluate", "render"]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for."""
    if name in _MODULE_OF:
        return getattr(importlib.import_module(f"leaderboard.{_MODULE_OF[name]}"), name)
    raise AttributeError(f"module 'leaderboard' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
