"""What a Ray of this machine does with tasks and with a zoo, as found.json in a folder."""

import json
import os
import sys
from contextlib import closing
from pathlib import Path

from demogen import parallel
from demogen.errors import DemogenError
from demogen.parallel import map_tasks
from tests.demogen.tasks import complain, die_once, square, threads
from tests.zoo_recipes.builders import partly_diverging
from zoo_recipes import build_zoo


def error_of(function, tasks, **asked):
    try:
        list(map_tasks(function, tasks, ray="local", **asked))
    except DemogenError as error:
        return f"{type(error).__name__}: {error}"


def main(folder):
    # One worker, and another after it died: each loads torch and what training needs.
    parallel.cores = lambda: 1
    found = {}
    # Ray runs until the first map ends, and starting it takes seconds.
    with closing(map_tasks(square, [3, 1, 2], ray="local")) as squares:
        first = next(squares)
        found["too much"] = error_of(square, [1], gpus=1000)
        found["complaint"] = error_of(complain, [1, 2])
        found["threads"] = dict(map_tasks(threads, [0, 1], ray="local"))
        found["retried"] = dict(map_tasks(die_once, [folder / "died"], ray="local"))
        zoo = build_zoo(partly_diverging(), folder / "zoo", ray="local", cpus_per_network=0.9)
        found["digest"] = zoo.digest
        found["squares"] = sorted([first, *squares])
    found["statistics"] = os.environ.get("RAY_USAGE_STATS_ENABLED")
    (folder / "found.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
