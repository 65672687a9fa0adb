from .load_predictor import resolve as resolve
from .manifest import Submission as Submission
from .merging import merge as merge
from .rerun import Sample as Sample
from .rerun import remeasure as remeasure
from .submitting import submit as submit
from .validation import validate as validate
