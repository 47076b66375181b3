"""Settings of the Django project, one module a role.

`portal`, `office` and `worker` are what runs; `owner` migrates; `test` is for the suite. Each
starts from `base`, which reads the installation. Only here does the web read its environment.
"""
