"""Answers and cases that were asked; only ever added to."""

import uuid

from django.db import migrations, models

TABLES = ("satisfaction_answer", "satisfaction_asked")
REFUSE = """
create function satisfaction_refuse_change() returns trigger
language plpgsql set search_path = pg_catalog as $$
begin
    raise exception '% is append-only', tg_table_name using errcode = 'insufficient_privilege';
end
$$;
"""


def _close(table: str) -> str:
    return (
        f"create trigger append_only before update or delete on {table}"
        " for each row execute function satisfaction_refuse_change();"
    )


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Asked",
            fields=[
                (
                    "id",
                    models.BinaryField(max_length=32, primary_key=True, serialize=False),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Answer",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("service", models.CharField(max_length=100)),
                ("body", models.CharField(max_length=60)),
                ("month", models.DateField()),
                ("score", models.PositiveSmallIntegerField()),
                ("comment", models.CharField(blank=True, default="", max_length=500)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(score__gte=1, score__lte=5),
                        name="satisfaction_one_to_five",
                    )
                ],
                "indexes": [
                    models.Index(fields=["service", "-month"], name="satisfaction_of_service")
                ],
            },
        ),
        migrations.RunSQL(REFUSE, "drop function satisfaction_refuse_change();"),
        *(
            migrations.RunSQL(_close(table), f"drop trigger append_only on {table};")
            for table in TABLES
        ),
    ]
