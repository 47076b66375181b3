"""The graph of a charge in the database, and refunds that never exceed what was paid."""

from django.db import migrations

# (was, event, became). A new edge is a new migration; a test compares with `domain.graph`.
EDGES = [
    ("", "requested", "created"),
    ("created", "started", "started"),
    ("created", "cancelled", "cancelled"),
    ("created", "expired", "expired"),
    ("started", "captured", "paid"),
    ("started", "failed", "failed"),
    ("started", "cancelled", "cancelled"),
    ("started", "expired", "expired"),
    ("started", "corrected-to-bank", "paid"),
    ("expired", "captured", "paid"),
    ("expired", "corrected-to-bank", "paid"),
    ("cancelled", "captured", "paid"),
    ("cancelled", "corrected-to-bank", "paid"),
    ("failed", "corrected-to-bank", "paid"),
    ("paid", "refund-requested", "paid"),
    ("paid", "refund-settled", "paid"),
    ("paid", "refund-failed", "paid"),
    ("paid", "refund-completed", "refunded"),
    *(
        (state, "noted", state)
        for state in ("created", "started", "paid", "failed", "cancelled", "expired", "refunded")
    ),
]

TABLE = """
create table payments_edge (
    was text not null, event text not null, became text not null, primary key (was, event)
);
revoke all on payments_edge from web_app;
grant select on payments_edge to web_app;
"""

FILL = "insert into payments_edge (was, event, became) values (%s, %s, %s)"

MOVES = """
create function payments_check_move() returns trigger
language plpgsql set search_path = pg_catalog, public as $$
begin
    if tg_op = 'INSERT' then
        if new.state <> 'created' then
            raise exception 'a charge begins as created' using errcode = 'check_violation';
        end if;
    elsif new.state <> old.state and not exists (
        select from public.payments_edge e where e.was = old.state and e.became = new.state
    ) then
        raise exception 'no charge goes from % to %', old.state, new.state
            using errcode = 'check_violation';
    end if;
    return new;
end
$$;
create trigger moves before insert or update of state on payments_charge
    for each row execute function payments_check_move();

create function payments_check_event() returns trigger
language plpgsql set search_path = pg_catalog, public as $$
begin
    if not exists (
        select from public.payments_edge e
        where e.was = new.was and e.event = new.event and e.became = new.became
    ) then
        raise exception 'no event % leads from % to %', new.event, new.was, new.became
            using errcode = 'check_violation';
    end if;
    return new;
end
$$;
create trigger in_the_graph before insert on payments_chargeevent
    for each row execute function payments_check_event();
"""

NO_MOVES = """
drop trigger in_the_graph on payments_chargeevent; drop function payments_check_event();
drop trigger moves on payments_charge; drop function payments_check_move();
"""

REFUNDS = """
create function payments_check_refunds() returns trigger
language plpgsql set search_path = pg_catalog, public as $$
declare paid bigint;
begin
    select amount into paid from public.payments_charge where id = new.charge_id for update;
    if (
        select coalesce(sum(amount), 0) from public.payments_refund
        where charge_id = new.charge_id and progress not in ('refused', 'declined')
    ) > paid then
        raise exception 'refunds of charge % exceed what was paid', new.charge_id
            using errcode = 'check_violation';
    end if;
    return null;
end
$$;
create trigger never_more_than_paid after insert or update on payments_refund
    for each row execute function payments_check_refunds();
"""

NO_REFUNDS = """
drop trigger never_more_than_paid on payments_refund; drop function payments_check_refunds();
"""


class Migration(migrations.Migration):
    dependencies = [("payments", "0003_events_and_officers")]

    operations = [
        migrations.RunSQL([TABLE, *((FILL, edge) for edge in EDGES)], "drop table payments_edge;"),
        migrations.RunSQL(MOVES, NO_MOVES),
        migrations.RunSQL(REFUNDS, NO_REFUNDS),
    ]
