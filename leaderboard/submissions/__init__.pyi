from .manifest import Submission as Submission
from .merging import Confirmed as Confirmed
from .merging import merge as merge
from .rerun import Sample as Sample
from .rerun import odds_of_finding as odds_of_finding
from .rerun import remeasure as remeasure
from .submitting import submit as submit
from .validation import validate as validate
