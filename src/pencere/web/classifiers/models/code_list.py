"""A classifier (təsnifat): a list of codes that systems share, whatever its version."""

from django.db import models


class CodeList(models.Model):
    """What the list is, who answers for it, where it comes from and what one may do with it.

    `owner` is the id of a body. `is_verified` False: nobody has checked it against an act yet.
    """

    id = models.SlugField(primary_key=True, max_length=60)
    names = models.JSONField()
    about = models.JSONField()
    owner = models.CharField(max_length=60)
    source = models.TextField()
    licence = models.CharField(max_length=200)
    is_verified = models.BooleanField(default=False)
    is_active = models.BooleanField(default=True)

    def __str__(self) -> str:
        return self.id
