"""Cases move to a newer version of their service by an act of two people."""

import uuid

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("cases", "0002_append_only"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="VersionMove",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("service", models.CharField(max_length=100)),
                ("older", models.PositiveIntegerField()),
                ("newer", models.PositiveIntegerField()),
                ("newer_sha256", models.CharField(max_length=64)),
                ("states", models.JSONField(default=dict)),
                ("reason", models.CharField(max_length=1000)),
                ("prepared_at", models.DateTimeField()),
                ("approved_at", models.DateTimeField(null=True)),
                ("dropped_at", models.DateTimeField(null=True)),
                ("finished_at", models.DateTimeField(null=True)),
                ("moved", models.PositiveIntegerField(default=0)),
                ("stayed", models.JSONField(default=list)),
                (
                    "approved_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "prepared_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["-prepared_at"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("approved_by", None),
                            models.Q(("approved_by", models.F("prepared_by")), _negated=True),
                            _connector="OR",
                        ),
                        name="move_by_two_people",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("newer__gt", models.F("older"))), name="move_to_newer"
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("dropped_at", None), ("finished_at", None)),
                        fields=("service", "older"),
                        name="move_one_at_a_time",
                    ),
                ],
            },
        ),
    ]
