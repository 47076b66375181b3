"""E-mail: addresses, wishes, and how far each message came."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("notifications", "0003_offers"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Contact",
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
        ),
        migrations.AlterField(
            "delivery",
            "status",
            models.CharField(
                choices=[
                    ("created", "Created"),
                    ("sent", "Sent"),
                    ("delivered", "Delivered"),
                    ("failed", "Failed"),
                ],
                default="created",
                max_length=16,
            ),
        ),
        migrations.AddField("delivery", "due_at", models.DateTimeField(null=True)),
        migrations.AddField("delivery", "attempts", models.PositiveSmallIntegerField(default=0)),
        migrations.AddField(
            "delivery", "problem", models.CharField(blank=True, default="", max_length=60)
        ),
        migrations.AddIndex(
            "delivery",
            models.Index(
                condition=models.Q(status="created"), fields=["due_at"], name="delivery_waiting"
            ),
        ),
    ]
