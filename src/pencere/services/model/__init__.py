"""What a service definition says, as frozen values.

Read from `countries/<country>/services/<id>/service.yaml` by `pencere.services.definition`;
the words of the file are in docs/reference/service-definition.md. Nothing here reads a file,
a clock or a database, and nothing here names a body, an act or a service.
"""
