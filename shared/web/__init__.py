"""Pages and API: layout, components, forms, listings, errors, sign-in, and the server.

A capability writes its pages with these (docs/pages.md); `make_app` puts them together.
"""

from shared.web.api import api_blueprint
from shared.web.app import make_app
from shared.web.current import current_database
from shared.web.downloads import download
from shared.web.forms import Form, accepts_upload, uploaded
from shared.web.frame import Light, LightSource, NavigationItem
from shared.web.links import local_path
from shared.web.listing import Filter, Listing, Page
from shared.web.polling import polled
from shared.web.server import Server, serve

__all__ = [
    "Filter",
    "Form",
    "Light",
    "LightSource",
    "Listing",
    "NavigationItem",
    "Page",
    "Server",
    "accepts_upload",
    "api_blueprint",
    "current_database",
    "download",
    "local_path",
    "make_app",
    "polled",
    "serve",
    "uploaded",
]
