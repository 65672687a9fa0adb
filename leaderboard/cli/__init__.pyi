from .commands import evaluate as evaluate
from .commands import figure as figure
from .commands import leaderboard as leaderboard
