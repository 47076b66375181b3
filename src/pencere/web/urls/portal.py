"""Addresses of the portal."""

from pencere.web.identity.urls import portal_pages, provider_routes
from pencere.web.urls.pages import routes

urlpatterns = routes("portal", pages=portal_pages, plain=provider_routes)

handler400 = "pencere.web.middleware.errors.bad_request"
handler403 = "pencere.web.middleware.errors.forbidden"
handler404 = "pencere.web.middleware.errors.not_found"
handler500 = "pencere.web.middleware.errors.failed"
