from .imports import ImportOptions as ImportOptions
from .imports import import_demogen as import_demogen
from .imports import import_modelzoo as import_modelzoo
from .imports import import_pgdl as import_pgdl
from .imports import import_smallcnn as import_smallcnn
from .running import Imported as Imported
