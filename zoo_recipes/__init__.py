"""Published collections of networks as recipes, and the engine that trains them into zoos."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
