"""What the register proves is only added to: descriptions, acts, signatures, documents."""

from django.db import migrations

APPEND_ONLY = (
    "stateregister_act",
    "stateregister_description",
    "stateregister_document",
    "stateregister_signature",
)

REFUSE = """
create function stateregister_only_added_to() returns trigger
language plpgsql set search_path = pg_catalog as $$
begin
    raise exception '% is append-only', tg_table_name using errcode = 'insufficient_privilege';
end
$$;
"""


def _close(table: str) -> str:
    return (
        f"create trigger append_only before update or delete on {table}"
        " for each row execute function stateregister_only_added_to();"
    )


class Migration(migrations.Migration):
    dependencies = [("stateregister", "0002_lifecycle")]

    operations = [
        migrations.RunSQL(REFUSE, "drop function stateregister_only_added_to();"),
        *(
            migrations.RunSQL(_close(table), f"drop trigger append_only on {table};")
            for table in APPEND_ONLY
        ),
    ]
