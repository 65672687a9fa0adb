"""demogen: how well will this trained network do on unseen data, judged from what it learned?

The public names are listed in `__init__.pyi` and imported when first used, so that `import demogen`
and the command line answer at once and never pull in torch by themselves.
"""

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
