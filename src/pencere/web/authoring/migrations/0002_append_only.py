"""What was saved, published or withdrawn is never changed."""

from django.db import migrations

APPEND_ONLY = ("authoring_draftsave", "authoring_publishedversion", "authoring_withdrawal")

REFUSE = """
create function authoring_refuse_change() returns trigger
language plpgsql set search_path = pg_catalog as $$
begin
    raise exception '% is append-only', tg_table_name using errcode = 'insufficient_privilege';
end
$$;
"""


def _close(table: str) -> str:
    return (
        f"create trigger append_only before update or delete on {table}"
        " for each row execute function authoring_refuse_change();"
        f" revoke update, delete, truncate on {table} from web_app;"
    )


def _open(table: str) -> str:
    return f"drop trigger append_only on {table}; grant update, delete on {table} to web_app;"


class Migration(migrations.Migration):
    dependencies = [("authoring", "0001_initial")]

    operations = [
        migrations.RunSQL(REFUSE, "drop function authoring_refuse_change();"),
        *(migrations.RunSQL(_close(table), _open(table)) for table in APPEND_ONLY),
    ]
