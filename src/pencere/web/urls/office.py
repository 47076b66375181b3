"""Addresses of the office."""

from pencere.web.identity.urls import office_pages, office_routes
from pencere.web.urls.pages import routes

urlpatterns = routes("office", pages=office_pages, plain=office_routes)

handler400 = "pencere.web.middleware.errors.bad_request"
handler403 = "pencere.web.middleware.errors.forbidden"
handler404 = "pencere.web.middleware.errors.not_found"
handler500 = "pencere.web.middleware.errors.failed"
