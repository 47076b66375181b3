"""Tokens with which nodes join, certificates that are revoked, and what is really asked."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("stateregister", "0004_accord_code"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="RevokedCertificate",
            fields=[
                ("sha256", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("node", models.CharField(max_length=200)),
                ("why", models.TextField()),
                ("revoked_at", models.DateTimeField()),
                ("ends_at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="Traffic",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("day", models.DateField()),
                ("node", models.CharField(max_length=200)),
                ("consumer", models.CharField(max_length=300)),
                ("service", models.CharField(max_length=300)),
                ("outcome", models.CharField(max_length=20)),
                ("count", models.BigIntegerField()),
                ("counted_at", models.DateTimeField()),
            ],
            options={
                "indexes": [
                    models.Index(fields=["consumer", "service", "day"], name="traffic_pair")
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("day", "node", "consumer", "service", "outcome"),
                        name="traffic_of_a_day",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="JoinToken",
            fields=[
                ("id", models.CharField(max_length=22, primary_key=True, serialize=False)),
                ("secret_sha256", models.BinaryField(max_length=32)),
                ("node", models.CharField(max_length=200)),
                ("name", models.CharField(blank=True, default="", max_length=200)),
                ("serves", models.JSONField()),
                ("hosts", models.JSONField(default=list)),
                ("replaces", models.BooleanField(default=False)),
                ("made_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
                ("used_at", models.DateTimeField(null=True)),
                ("ended_at", models.DateTimeField(null=True)),
                ("key_sha256", models.BinaryField(max_length=32, null=True)),
                (
                    "body",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="stateregister.body",
                    ),
                ),
                (
                    "made_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
        ),
    ]
