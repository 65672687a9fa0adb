"""The leaderboard as static pages, and as tables in Markdown, HTML, CSV and LaTeX."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
