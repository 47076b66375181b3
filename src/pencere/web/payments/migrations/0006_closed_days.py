"""A closed day is closed: nothing is booked into it, and its closing is never changed."""

from django.db import migrations

# Who books holds the lock shared, who closes holds it alone: a movement is either before the
# closing, and in its totals, or refused. The number is `domain.closing.LOCK`.
CLOSED = """
create function payments_check_open_day() returns trigger
language plpgsql set search_path = pg_catalog, public as $$
begin
    perform pg_advisory_xact_lock_shared(1346459470);
    if exists (select from public.payments_closing c where c.ends_at > new.at) then
        raise exception 'the day of % is closed', new.at using errcode = 'check_violation';
    end if;
    return new;
end
$$;
create trigger open_day before insert on payments_entry
    for each row execute function payments_check_open_day();
create trigger append_only before update or delete on payments_closing
    for each row execute function payments_refuse_change();
revoke update, delete, truncate on payments_closing from web_app;
"""

OPEN = """
grant update, delete on payments_closing to web_app;
drop trigger append_only on payments_closing;
drop trigger open_day on payments_entry; drop function payments_check_open_day();
"""


class Migration(migrations.Migration):
    dependencies = [("payments", "0005_days")]

    operations = [migrations.RunSQL(CLOSED, OPEN)]
