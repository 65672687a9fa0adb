"""Networks, image sets and collections as typed records, closed to unknown keys."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
