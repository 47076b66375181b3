"""Cases whose time of keeping is over are deleted; that they were, and how they ended, is kept.

What is append-only stays so for the daily user. The one exception is a function of the owner: it
deletes everything of one case, only when the case is closed, its day has come and its trace is
written in the same transaction.
"""

from django.db import migrations, models

REFUSE = """
create or replace function cases_refuse_change() returns trigger
language plpgsql set search_path = pg_catalog as $$
begin
    if tg_op = 'DELETE' and current_setting('pencere.forgetting', true) = 'on' then
        return old;
    end if;
    raise exception '% is append-only', tg_table_name using errcode = 'insufficient_privilege';
end
$$;
"""
REFUSED_BEFORE = """
create or replace function cases_refuse_change() returns trigger
language plpgsql set search_path = pg_catalog as $$
begin
    raise exception '% is append-only', tg_table_name using errcode = 'insufficient_privilege';
end
$$;
"""
FORGET = """
create function cases_forget(chosen uuid, today date) returns void
language plpgsql security definer set search_path = public, pg_temp as $$
declare
    of_draft uuid;
begin
    perform from cases_case c join cases_forgottencase f using (number)
        where c.id = chosen and c.closed_at is not null and c.forget_on <= today;
    if not found then
        raise exception 'this case is kept' using errcode = 'insufficient_privilege';
    end if;
    select d.id into of_draft from cases_draft d join cases_case c using (number)
        where c.id = chosen;
    perform set_config('pencere.forgetting', 'on', true);
    delete from cases_casemessageread where message_id in
        (select id from cases_casemessage where case_id = chosen);
    delete from cases_casemessage where case_id = chosen;
    delete from cases_supplement where case_id = chosen;
    delete from cases_caseevent where case_id = chosen;
    delete from cases_effect where case_id = chosen;
    delete from cases_attachment where case_id = chosen or draft_id = of_draft;
    delete from cases_case where id = chosen;
    delete from cases_draft where id = of_draft;
    perform set_config('pencere.forgetting', 'off', true);
end
$$;
create trigger append_only before update or delete on cases_forgottencase
    for each row execute function cases_refuse_change();
revoke update, delete, truncate on cases_forgottencase from web_app;
"""
KEPT = """
drop trigger append_only on cases_forgottencase;
drop function cases_forget(uuid, date);
"""


class Migration(migrations.Migration):
    dependencies = [("cases", "0004_messages")]

    operations = [
        migrations.AddField("case", "forget_on", models.DateField(null=True)),
        migrations.AddIndex(
            "case",
            models.Index(
                fields=["forget_on"],
                condition=models.Q(forget_on__isnull=False),
                name="case_to_forget",
            ),
        ),
        migrations.CreateModel(
            name="ForgottenCase",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("number", models.CharField(max_length=40, unique=True)),
                ("service", models.CharField(max_length=100)),
                ("definition_version", models.PositiveIntegerField()),
                ("definition_sha256", models.CharField(max_length=64)),
                ("body", models.CharField(max_length=60)),
                ("outcome", models.CharField(max_length=40)),
                ("submitted_at", models.DateTimeField()),
                ("closed_at", models.DateTimeField()),
                ("kept_for", models.CharField(max_length=10)),
                ("application_sha256", models.BinaryField(max_length=32)),
                ("leaf_hash", models.BinaryField(max_length=32)),
                ("forgotten_at", models.DateTimeField()),
            ],
        ),
        migrations.RunSQL(REFUSE, REFUSED_BEFORE),
        migrations.RunSQL(FORGET, KEPT),
    ]
