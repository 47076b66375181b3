"""What an officer confirmed for many cases at once, and what became of each."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

APPEND_ONLY = ("cases_batch", "cases_batchline")


def _close(table: str) -> str:
    return (
        f"create trigger append_only before update or delete on {table}"
        " for each row execute function cases_refuse_change();"
        f" revoke update, delete, truncate on {table} from web_app;"
    )


def _open(table: str) -> str:
    return f"drop trigger append_only on {table}; grant update, delete on {table} to web_app;"


class Migration(migrations.Migration):
    dependencies = [
        ("cases", "0005_forgetting"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Batch",
            fields=[
                ("id", models.UUIDField(editable=False, primary_key=True, serialize=False)),
                ("at", models.DateTimeField()),
                ("service", models.CharField(max_length=100)),
                ("state", models.CharField(max_length=64)),
                ("action", models.CharField(max_length=64)),
                ("reasons", models.JSONField()),
                ("comment_sealed", models.BinaryField()),
                ("chosen", models.JSONField()),
                (
                    "officer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="BatchLine",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("number", models.CharField(max_length=40)),
                ("at", models.DateTimeField()),
                ("refusal", models.CharField(blank=True, default="", max_length=64)),
                (
                    "batch",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="lines",
                        to="cases.batch",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("batch", "number"), name="batch_line_once")
                ],
            },
        ),
        *(migrations.RunSQL(_close(table), _open(table)) for table in APPEND_ONLY),
    ]
