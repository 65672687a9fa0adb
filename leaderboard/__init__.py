"""Score predictors on the standardized splits of a zoo, rank them, publish what came out.

The public names are listed in `__init__.pyi` and imported when first used: tables and pages
are made without torch.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
