from .running import commands as commands
from .running import main as main
