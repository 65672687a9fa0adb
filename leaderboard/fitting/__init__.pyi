from .cross_validation import linear_model as linear_model
from .cross_validation import regressor_text as regressor_text
from .cross_validation import run as run
from .regressor_text import regressor_from_text as regressor_from_text
