"""The SİMA application on people's phones: reads a link, shows what is asked, signs, calls back.

A process of its own that knows the portal only by its wire. The service behind the application,
which knows the secrets of relying parties, is in it too.
"""
