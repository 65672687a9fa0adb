"""Image sets: read, put in canonical order, standardized, cut down, corrupted."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
