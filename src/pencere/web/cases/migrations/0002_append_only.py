"""The history of a case and what an applicant added are never changed."""

from django.db import migrations

APPEND_ONLY = ("cases_caseevent", "cases_supplement")

REFUSE = """
create function cases_refuse_change() returns trigger
language plpgsql set search_path = pg_catalog as $$
begin
    raise exception '% is append-only', tg_table_name using errcode = 'insufficient_privilege';
end
$$;
"""


def _close(table: str) -> str:
    return (
        f"create trigger append_only before update or delete on {table}"
        " for each row execute function cases_refuse_change();"
        f" revoke update, delete, truncate on {table} from web_app;"
    )


def _open(table: str) -> str:
    return f"drop trigger append_only on {table}; grant update, delete on {table} to web_app;"


class Migration(migrations.Migration):
    dependencies = [("cases", "0001_initial")]

    operations = [
        migrations.RunSQL(REFUSE, "drop function cases_refuse_change();"),
        *(migrations.RunSQL(_close(table), _open(table)) for table in APPEND_ONLY),
    ]
