-- Signatures of batches, and a log that grows month by month. docs/specs/evidence.md, "Log".
-- What there is becomes the first partition as it is: nothing is copied.

-- The evidence section as it travelled; null in rows of version 1 (signature, signed_at and
-- certificate are theirs) and where nobody signed.
alter table gateway.request add column evidence bytea;
alter table gateway.response add column evidence bytea;

-- Rows are found by their own number in whichever month they lie, so no key refers to them.
alter table gateway.batch_member drop constraint batch_member_response_seq_fkey;

-- The barrier against replay, over all months: an exchange is accepted once.
create table gateway.accepted (
    exchange uuid not null,
    side text not null check (side in ('consumer', 'provider')),
    accepted_at timestamptz not null,
    primary key (exchange, side)
);
create index accepted_by_time on gateway.accepted using brin (accepted_at);
insert into gateway.accepted (exchange, side, accepted_at)
select exchange, side, recorded_at from gateway.request
where side = 'provider'
    and recorded_at > (select max(recorded_at) - interval '1 day' from gateway.request);

create function gateway.refuse_rewriting() returns trigger language plpgsql as $$
begin
    raise exception 'what was accepted is not changed'
        using errcode = 'insufficient_privilege';
end
$$;
create trigger never_changed before update or truncate on gateway.accepted
    for each statement execute function gateway.refuse_rewriting();

-- The app user forgets through this alone, and nothing of the last hour.
create function gateway.forget_accepted(before timestamptz) returns void
language sql security definer set search_path = pg_catalog, pg_temp as $$
    delete from gateway.accepted where accepted_at < least(before, now() - interval '1 hour')
$$;

do $$
declare
    kind text;
    first_day timestamp;
    past_day timestamp;
begin
    foreach kind in array array['request', 'response'] loop
        execute format('alter table gateway.%I alter column seq drop identity', kind);
        execute format('create sequence gateway.%I', kind || '_number');
        execute format(
            'select setval(%L, coalesce(max(seq), 0) + 1, false) from gateway.%I',
            'gateway.' || kind || '_number', kind);
        execute format('alter table gateway.%I rename to %I', kind, kind || '_first');
        execute format(
            'create table gateway.%I (like gateway.%I including defaults including constraints'
            ' including storage) partition by range (recorded_at)', kind, kind || '_first');
        execute format(
            'alter table gateway.%I alter column seq set default nextval(%L)',
            kind, 'gateway.' || kind || '_number');
        execute format(
            'create trigger only_added before update or delete or truncate on gateway.%I'
            ' for each statement execute function gateway.refuse_change()', kind);
        execute format('alter sequence gateway.%I owned by gateway.%I.seq',
                       kind || '_number', kind);
        execute format(
            'select date_trunc(''month'', min(recorded_at) at time zone ''UTC''),'
            ' date_trunc(''month'', max(recorded_at) at time zone ''UTC'') + interval ''1 month'''
            ' from gateway.%I', kind || '_first')
            into first_day, past_day;
        if first_day is null then
            execute format('drop table gateway.%I', kind || '_first');
        else
            execute format(
                'alter table gateway.%I attach partition gateway.%I for values from (%L) to (%L)',
                kind, kind || '_first', first_day at time zone 'UTC',
                past_day at time zone 'UTC');
        end if;
    end loop;
end
$$;

-- Indexes of every month, found again by those that the first month has already.
alter index if exists gateway.request_by_person rename to request_first_by_person;
alter index if exists gateway.request_by_actor rename to request_first_by_actor;
create index request_by_person on gateway.request (person_digest, seq desc)
    where side = 'provider' and person_digest is not null;
create index request_by_actor on gateway.request (actor_digest, seq desc)
    where side = 'provider' and actor = 'person';

-- Make the tables of the month of an instant and of the month after it, unless they are there.
-- The node calls it ahead of time. Made apart and then attached, since that keeps nobody waiting.
create function gateway.make_partitions(at timestamptz) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    kind text;
    part text;
    ahead integer;
    first_day timestamp;
begin
    if at not between now() - interval '400 days' and now() + interval '400 days' then
        raise exception 'the log has no month for %: check the clock of the node', at
            using errcode = 'datetime_field_overflow';
    end if;
    perform pg_advisory_xact_lock(hashtextextended('gateway.make_partitions', 0));
    foreach kind in array array['request', 'response'] loop
        for ahead in 0..1 loop
            first_day := date_trunc('month', at at time zone 'UTC') + make_interval(months => ahead);
            part := kind || to_char(first_day, '_YYYY_MM');
            continue when gateway.is_in_partition(kind, first_day at time zone 'UTC');
            execute format(
                'create table gateway.%I (like gateway.%I including defaults'
                ' including constraints including storage)', part, kind);
            execute format(
                'alter table gateway.%I add primary key (seq), add unique (exchange, side)', part);
            execute format(
                'create trigger only_added before update or delete or truncate on gateway.%I'
                ' for each statement execute function gateway.refuse_change()', part);
            execute format(
                'alter table gateway.%I attach partition gateway.%I for values from (%L) to (%L)',
                kind, part, first_day at time zone 'UTC',
                (first_day + interval '1 month') at time zone 'UTC');
        end loop;
    end loop;
end
$$;

-- Whether an instant lies in a partition already, by the bounds that the catalogue shows.
create function gateway.is_in_partition(kind text, at timestamptz) returns boolean
language sql stable set search_path = pg_catalog, pg_temp as $$
    select coalesce(bool_or(
        at >= (bound.texts)[1]::timestamptz and at < (bound.texts)[2]::timestamptz), false)
    from pg_inherits i
    join pg_class c on c.oid = i.inhrelid
    cross join lateral regexp_match(
        pg_get_expr(c.relpartbound, c.oid), 'FROM \(''([^'']+)''\) TO \(''([^'']+)''\)'
    ) as bound (texts)
    where i.inhparent = ('gateway.' || kind)::regclass
$$;

select gateway.make_partitions(now());

revoke all on function gateway.make_partitions(timestamptz) from public;
revoke all on function gateway.forget_accepted(timestamptz) from public;
grant execute on function gateway.make_partitions(timestamptz),
    gateway.forget_accepted(timestamptz) to ${app};
-- Of the parents alone: a partition by its own name is not for the app user.
revoke all on all tables in schema gateway from ${app};
grant select, insert on gateway.request, gateway.response, gateway.batch, gateway.batch_member,
    gateway.accepted to ${app};
grant usage on sequence gateway.request_number, gateway.response_number to ${app};
