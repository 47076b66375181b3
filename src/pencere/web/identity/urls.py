"""Addresses of signing in. At the portal with the telephone; at the office through the portal."""

from django.urls import URLPattern, URLResolver, path

from pencere.web.identity.office import views as office
from pencere.web.identity.provider.urls import urlpatterns as provider_urls
from pencere.web.identity.views import devices, held_form, sign_in, sign_out

Routes = list[URLPattern | URLResolver]

_shared: Routes = [
    path("sign-out/", sign_out.sign_out, name="sign_out"),
    path("devices/", devices.listed, name="devices"),
    path("devices/end/", devices.end, name="device_end"),
    path("kept/<str:token>/", held_form.show, name="held_form"),
]

portal_pages: Routes = [
    *_shared,
    path("sign-in/", sign_in.ask, name="sign_in"),
    path("sign-in/wait/", sign_in.wait, name="sign_in_wait"),
    path("sign-in/state/", sign_in.state, name="sign_in_state"),
    path("sign-in/cancel/", sign_in.cancel, name="sign_in_cancel"),
]
provider_routes: Routes = [*provider_urls]

office_pages: Routes = [
    *_shared,
    path("sign-in/", office.begin, name="sign_in"),
    path("signed-out/", office.signed_out, name="signed_out"),
]
office_routes: Routes = [path("sign-in/callback", office.callback, name="sign_in_callback")]
