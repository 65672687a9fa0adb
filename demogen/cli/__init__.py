"""The `demogen` command: commands of this package, and those that other packages bring."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
