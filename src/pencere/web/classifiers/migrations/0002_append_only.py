"""A published version of a code list is only added to."""

from django.db import migrations

APPEND_ONLY = (
    "classifiers_version",
    "classifiers_entry",
)

REFUSE = """
create function classifiers_only_added_to() returns trigger
language plpgsql set search_path = pg_catalog as $$
begin
    raise exception '% is append-only', tg_table_name using errcode = 'insufficient_privilege';
end
$$;
"""


def _close(table: str) -> str:
    return (
        f"create trigger append_only before update or delete on {table}"
        " for each row execute function classifiers_only_added_to();"
    )


class Migration(migrations.Migration):
    dependencies = [("classifiers", "0001_initial")]

    operations = [
        migrations.RunSQL(REFUSE, "drop function classifiers_only_added_to();"),
        *(
            migrations.RunSQL(_close(table), f"drop trigger append_only on {table};")
            for table in APPEND_ONLY
        ),
    ]
