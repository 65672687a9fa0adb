"""What a Ray of this machine does with tasks and with a zoo, as found.json in a folder."""

import json
import os
import sys
import threading
from contextlib import closing
from pathlib import Path

import demogen
from demogen import parallel
from demogen.errors import DemogenError
from demogen.parallel import map_tasks
from tests.demogen.tasks import complain, die_once, square, threads, variable
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
    os.environ |= {"HF_ENDPOINT": "http://127.0.0.1:1", "DEMOGEN_IMAGES": "images"}
    found = {}
    # Ray runs until the first map ends, and starting it takes seconds.
    with closing(map_tasks(square, [3, 1, 2], ray="local")) as squares:
        first = next(squares)
        found["too much"] = error_of(square, [1], gpus=1000)
        found["complaint"] = error_of(complain, [1, 2])
        names = ["HF_ENDPOINT", "DEMOGEN_IMAGES"]
        found["lock"] = error_of(square, [threading.Lock()])
        found["environment"] = [told for _, told in sorted(map_tasks(variable, names, ray="local"))]
        found["threads"] = dict(map_tasks(threads, [0, 1], ray="local"))
        found["retried"] = dict(map_tasks(die_once, [folder / "died"], ray="local"))
        zoo = build_zoo(partly_diverging(), folder / "zoo", ray="local", cpus_per_network=0.9)
        found["digest"] = zoo.digest
        # As commands name it: from here, where a worker is not.
        os.chdir(folder)
        count = demogen.get_predictor("train-loss").measure
        measured = demogen.measure_all([count], demogen.load_zoo("zoo"), ray="local", cache=False)
        found["measured"] = measured[0].table["train_loss"].to_dict()
        found["squares"] = sorted([first, *squares])
    found["statistics"] = os.environ.get("RAY_USAGE_STATS_ENABLED")
    (folder / "found.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
