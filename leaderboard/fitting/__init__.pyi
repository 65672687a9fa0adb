from .cross_validation import CrossValidation as CrossValidation
from .cross_validation import cross_validate as cross_validate
from .cross_validation import linear_model as linear_model
from .regressor_text import regressor_from_text as regressor_from_text
from .regressor_text import regressor_to_text as regressor_to_text
