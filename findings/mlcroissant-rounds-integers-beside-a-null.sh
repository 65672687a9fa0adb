#!/bin/sh
# Guess:  records of an sc:Integer field are the integers of the Parquet file, whose column is int64.
# Seen:   mlcroissant 1.1.1: where another row of the column is null, 9007199254740993 is read as
#         9007199254740992, an int like the others, and no warning says so. Seeds of 64 bits read
#         from such a table train another network. Without a null every digit is there.
# Source: mlcroissant/_src/operation_graph/operations/read.py, pandas.read_parquet without a
#         dtype_backend: a null makes the column float64. field.py, _cast_value, then makes an int of
#         each float.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat > "$folder/show.py" <<'PYTHON'
import hashlib
import json
import sys
from importlib.metadata import version
from pathlib import Path

import mlcroissant
import pyarrow as pa
import pyarrow.parquet as pq

folder = Path(sys.argv[1])


def records(seeds):
    table = pa.table({"name": ["a", "b"], "seed": pa.array(seeds, pa.int64())})
    pq.write_table(table, folder / "runs.parquet")
    digest = hashlib.sha256((folder / "runs.parquet").read_bytes()).hexdigest()
    field = lambda name, kind: {
        "@type": "cr:Field", "@id": f"runs/{name}", "dataType": kind,
        "source": {"fileObject": {"@id": "runs.parquet"}, "extract": {"column": name}},
    }
    described = {
        "@context": {
            "@language": "en", "@vocab": "https://schema.org/", "sc": "https://schema.org/",
            "cr": "http://mlcommons.org/croissant/", "dct": "http://purl.org/dc/terms/",
            "conformsTo": "dct:conformsTo", "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
            "extract": "cr:extract", "column": "cr:column", "field": "cr:field",
            "fileObject": "cr:fileObject", "recordSet": "cr:recordSet", "source": "cr:source",
        },
        "@type": "sc:Dataset", "name": "runs", "description": "two runs",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "license": "https://creativecommons.org/publicdomain/zero/1.0/",
        "url": "https://example.org/runs", "datePublished": "2026-01-01", "version": "1.0.0",
        "distribution": [{
            "@type": "cr:FileObject", "@id": "runs.parquet", "name": "runs.parquet",
            "contentUrl": "runs.parquet", "encodingFormat": "application/x-parquet",
            "sha256": digest,
        }],
        "recordSet": [{
            "@type": "cr:RecordSet", "@id": "runs",
            "field": [field("name", "sc:Text"), field("seed", "sc:Integer")],
        }],
    }
    path = folder / "croissant.json"
    path.write_text(json.dumps(described))
    return list(mlcroissant.Dataset(str(path)).records("runs"))


seed = 2**53 + 1
for seeds in ([seed, 7], [seed, None]):
    read = [each["runs/seed"] for each in records(seeds)]
    kept = pq.read_table(folder / "runs.parquet")["seed"].to_pylist()
    print(f"mlcroissant {version('mlcroissant')}: in the file {kept}, in the records {read}")
    assert kept == seeds
    assert type(read[0]) is int, "the behaviour has changed"
    assert read[0] == (seed if None not in seeds else seed - 1), "the behaviour has changed"
PYTHON
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check mlcroissant==1.1.1 pyarrow==21.0.0 \
    pandas==2.3.3
"$folder/venv/bin/python" -W ignore "$folder/show.py" "$folder" 2>"$folder/log" ||
    { cat "$folder/log" >&2; exit 1; }
