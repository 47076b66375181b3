"""Addresses of signing in. At the portal with the telephone; at the office through the portal."""

from django.urls import URLPattern, URLResolver, path

from pencere.web.identity.views import held_form, sign_in, sign_out

Routes = list[URLPattern | URLResolver]

_shared: Routes = [
    path("sign-out/", sign_out.sign_out, name="sign_out"),
    path("kept/<str:token>/", held_form.show, name="held_form"),
]

portal_pages: Routes = [
    *_shared,
    path("sign-in/", sign_in.ask, name="sign_in"),
    path("sign-in/wait/", sign_in.wait, name="sign_in_wait"),
    path("sign-in/state/", sign_in.state, name="sign_in_state"),
    path("sign-in/cancel/", sign_in.cancel, name="sign_in_cancel"),
]
provider_routes: Routes = []
office_pages: Routes = [*_shared]
office_routes: Routes = []
