from .predicted_vs_true import draw as draw
from .predicted_vs_true import predicted_against_true as predicted_against_true
