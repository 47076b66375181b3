"""Properties are tried without a limit of time for one example: machines are slow at times."""

from hypothesis import settings

settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
