from .pages.site import write_site as write_site
from .pages.tables import render as render
from .results.evaluation import benchmark as benchmark
from .results.evaluation import evaluate as evaluate
from .results.result import Result as Result
from .results.result import read_results as read_results
from .results.result import write_result as write_result
from .results.verification import verify as verify
