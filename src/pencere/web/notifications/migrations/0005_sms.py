"""Text messages: numbers, and by which name a report of a message is known."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("notifications", "0004_mail"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Mobile",
            fields=[
                (
                    "person",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("address_sealed", models.BinaryField(null=True)),
                ("pending_sealed", models.BinaryField(null=True)),
                ("language", models.CharField(default="az", max_length=2)),
                ("confirmed_at", models.DateTimeField(null=True)),
                ("code_digest", models.BinaryField(max_length=32, null=True)),
                ("code_until", models.DateTimeField(null=True)),
                ("tries", models.PositiveSmallIntegerField(default=0)),
                ("failed_at", models.DateTimeField(null=True)),
                ("sends_cases", models.BooleanField(default=True)),
                ("sends_events", models.BooleanField(default=True)),
                ("is_quiet", models.BooleanField(default=True)),
                ("once_a_day", models.BooleanField(default=False)),
            ],
            options={"abstract": False},
        ),
        migrations.AddField(
            "delivery", "reference", models.CharField(blank=True, default="", max_length=60)
        ),
        migrations.AddField("delivery", "parts", models.PositiveSmallIntegerField(default=0)),
        migrations.AddIndex(
            "delivery",
            models.Index(
                condition=models.Q(("reference", ""), _negated=True),
                fields=["reference"],
                name="delivery_reference",
            ),
        ),
    ]
