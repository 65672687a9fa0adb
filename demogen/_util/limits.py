"""How much a file from outside may hold: what is more is refused before memory is taken for it.

Together they keep every file of up to 64 MB below 512 MB of memory and 10 seconds. All that can be
trained, measured and published here stays far below them (docs/submitting.md has the numbers).
"""

FILE_BYTES = 64 << 20
"""Of a file that is read whole (JSON, zoo.json, a result), unless its reader says less or more."""

TEXT_BYTES = 1 << 20
"""Of what a person writes: a recipe, submission.toml."""

JSON_VALUES = 2_000_000
"""Values and keys in a JSON file."""

JSON_LEVELS = 64
"""Arrays and objects within one another, in JSON."""

TOML_VALUES = 50_000
"""Values and keys in a TOML file."""

TOML_LEVELS = 32
"""Arrays and tables within one another, and parts of a dotted key, in TOML."""

SPLIT_PLACES = 30_000_000
"""Folds of a split times networks, where there are more than 100 folds."""

PARQUET_FOOTER = 8 << 20
"""Bytes of the description at the end of a Parquet file."""

TABLE_COLUMNS = 8_192
"""Columns of a table, the innermost of nested ones: statistics of every layer make it wide."""

TABLE_ROWS = 500_000
"""Rows of a table that people bring: ten times the networks that are scored."""

PARQUET_PAGES = 100_000
"""Pages of all columns."""

PARQUET_DECODED = 128 << 20
PARQUET_EXPANSION = 4
"""Bytes of all columns in memory: the first, or so many times the file where that is more."""

RECIPE_NETWORKS = 50_000
"""Networks of a recipe, copies counted."""

RECIPE_LEVELS = 1_000
"""Levels of a factor of a recipe, rules, and further configurations."""

RECIPE_VALUES = 5_000_000
"""Configurations of a recipe times the settings of each: what listing them has to look at."""

RESULT_NETWORKS = 50_000
"""Networks of a result, measured and dropped."""

RESULT_FACTORS = 128
"""Factors of a result."""

RESULT_COLUMNS = 4_096
"""Columns of its signatures: statistics of every layer of a deep network are some thousand."""

PACKED_RESULTS = 50_000
"""Results in one Parquet file."""

PACKED_BYTES = 384 << 20
"""Bytes of JSON that these unpack to: 45 predictors on 8 splits of 96 networks are 38 MB. All are
kept as they are read, so that such a file may take more time and memory than others."""
