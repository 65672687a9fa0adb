"""Zoos that people already have, read from their archives: the networks as zoos of this package.

    imported = zoo_recipes.importing.import_pgdl("public_data", task="task1_v4", folder="zoos")

Nothing is unpacked, and nothing unpickled but tensors. See docs/importing.md.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
