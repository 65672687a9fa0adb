from .commands import evaluate as evaluate
from .commands import figure as figure
from .commands import figures as figures
from .commands import leaderboard as leaderboard
from .score import score as score
