from .site import write_site as write_site
from .tables import render as render
