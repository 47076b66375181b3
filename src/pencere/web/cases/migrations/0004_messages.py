"""Applicant and body write to each other about a case; nothing of it is changed or deleted."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

APPEND_ONLY = ("cases_casemessage", "cases_casemessageread")


def _close(table: str) -> str:
    return (
        f"create trigger append_only before update or delete on {table}"
        " for each row execute function cases_refuse_change();"
        f" revoke update, delete, truncate on {table} from web_app;"
    )


def _open(table: str) -> str:
    return f"drop trigger append_only on {table}; grant update, delete on {table} to web_app;"


def _id() -> models.BigAutoField:  # type: ignore[type-arg]
    return models.BigAutoField(
        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
    )


def _to(model: str, name: str = "+") -> models.ForeignKey:  # type: ignore[type-arg]
    return models.ForeignKey(
        on_delete=django.db.models.deletion.PROTECT, related_name=name, to=model
    )


class Migration(migrations.Migration):
    dependencies = [
        ("cases", "0003_version_move"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="CaseMessage",
            fields=[
                ("id", _id()),
                ("at", models.DateTimeField()),
                ("from_body", models.BooleanField()),
                ("body", models.CharField(max_length=60)),
                ("form", models.UUIDField()),
                ("text_sealed", models.BinaryField()),
                ("author", _to(settings.AUTH_USER_MODEL)),
                ("case", _to("cases.case", "messages")),
            ],
            options={
                "ordering": ["id"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("case", "author", "form"), name="case_message_sent_once"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="CaseMessageRead",
            fields=[
                ("id", _id()),
                ("at", models.DateTimeField()),
                (
                    "message",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="opened",
                        to="cases.casemessage",
                    ),
                ),
                ("reader", _to(settings.AUTH_USER_MODEL)),
            ],
        ),
        *(migrations.RunSQL(_close(table), _open(table)) for table in APPEND_ONLY),
    ]
