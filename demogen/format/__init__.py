"""A zoo as files: manifest, table, splits and card, written and checked. Imports no torch."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
