"""Rows that are never changed, and a book that always adds up to nothing."""

from django.db import migrations

APPEND_ONLY = ("payments_chargeevent", "payments_callback", "payments_entry")

REFUSE = """
create function payments_refuse_change() returns trigger
language plpgsql set search_path = pg_catalog as $$
begin
    raise exception '% is append-only', tg_table_name using errcode = 'insufficient_privilege';
end
$$;
"""

BALANCED = """
create function payments_check_balance() returns trigger
language plpgsql set search_path = pg_catalog, public as $$
begin
    if (select sum(amount) from public.payments_entry where movement = new.movement) <> 0 then
        raise exception 'movement % does not add up to nothing', new.movement
            using errcode = 'check_violation';
    end if;
    return null;
end
$$;
create constraint trigger balanced after insert on payments_entry
    deferrable initially deferred for each row execute function payments_check_balance();
"""


def _close(table: str) -> str:
    return (
        f"create trigger append_only before update or delete on {table}"
        " for each row execute function payments_refuse_change();"
        f" revoke update, delete, truncate on {table} from web_app;"
    )


def _open(table: str) -> str:
    return f"drop trigger append_only on {table}; grant update, delete on {table} to web_app;"


class Migration(migrations.Migration):
    dependencies = [("payments", "0001_initial")]

    operations = [
        migrations.RunSQL(REFUSE, "drop function payments_refuse_change();"),
        *(migrations.RunSQL(_close(table), _open(table)) for table in APPEND_ONLY),
        migrations.RunSQL(
            BALANCED,
            "drop trigger balanced on payments_entry; drop function payments_check_balance();",
        ),
    ]
