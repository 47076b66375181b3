"""Addresses of signing in. At the portal by any means; at the office through the portal."""

from django.urls import URLPattern, URLResolver, path

from pencere.web.identity.office import views as office
from pencere.web.identity.provider.urls import urlpatterns as provider_urls
from pencere.web.identity.sima import views as sima_calls
from pencere.web.identity.views import card, devices, held_form, sign_in, sign_out, sima

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
    path("sign-in/sima/", sima.ask, name="sign_in_sima"),
    path("sign-in/card/", card.ask, name="sign_in_card"),
    path("sign-in/card/token/", card.token, name="sign_in_card_token"),
    path("sign-in/wait/", sign_in.wait, name="sign_in_wait"),
    path("sign-in/state/", sign_in.state, name="sign_in_state"),
    path("sign-in/cancel/", sign_in.cancel, name="sign_in_cancel"),
]
provider_routes: Routes = [
    *provider_urls,
    path("sima/GetFile/", sima_calls.get_file, name="sima_get_file"),
    path("sima/Callback/", sima_calls.callback, name="sima_callback"),
    path("identity/web-eid/challenge", card.challenge_json, name="web_eid_challenge"),
    path("identity/web-eid/token", card.token_json, name="web_eid_token"),
]

office_pages: Routes = [
    *_shared,
    path("sign-in/", office.begin, name="sign_in"),
    path("signed-out/", office.signed_out, name="signed_out"),
]
office_routes: Routes = [path("sign-in/callback", office.callback, name="sign_in_callback")]
