from .comparison import compare as compare
from .loss_lines import LossLine as LossLine
from .loss_lines import loss_line as loss_line
from .printed_numbers import PrintedRow as PrintedRow
