-- The log of readings by month, so that a month past its term is taken away as a whole.
-- docs/specs/registers.md, section 6.

drop index registers.read_log_of_record;
drop trigger append_only on registers.read_log;
alter table registers.read_log rename to read_log_before;

create table registers.read_log (
    id bigint generated always as identity,
    at timestamptz not null,
    register smallint not null,
    record bigint,
    version integer,
    key smallint,
    client text not null,
    actor text,
    purpose text not null,
    basis text not null,
    case_number text,
    exchange text,
    primary key (id, at)
) partition by range (at);
create index read_log_of_record on registers.read_log (record, id) where record is not null;
create trigger append_only before update or delete or truncate on registers.read_log
    for each statement execute function registers.refuse_change();

-- What no month was opened for. A question must never fail for want of one.
create table registers.read_log_other partition of registers.read_log default;
create trigger append_only before update or delete or truncate on registers.read_log_other
    for each statement execute function registers.refuse_change();

-- Opens the months from that of `first` to that of `last`, by UTC; returns how many were new.
-- A month of which rows already lie in read_log_other stays there.
create function registers.open_months(first timestamptz, last timestamptz) returns integer
language plpgsql security definer set search_path = pg_catalog set timezone = 'UTC' as $$
declare
    month timestamptz := date_trunc('month', first);
    name text;
    opened integer := 0;
begin
    if last - first > interval '30 years' then
        raise exception 'too many months';
    end if;
    perform pg_advisory_xact_lock(hashtextextended('registers months', 0));
    while month <= last loop
        name := 'read_log_' || to_char(month, 'YYYY_MM');
        if to_regclass('registers.' || name) is null and not exists (
            select from registers.read_log_other o
            where o.at >= month and o.at < month + interval '1 month'
        ) then
            execute format(
                'create table registers.%I partition of registers.read_log'
                ' for values from (%L) to (%L)', name, month, month + interval '1 month');
            execute format(
                'create trigger append_only before update or delete or truncate on registers.%I'
                ' for each statement execute function registers.refuse_change()', name);
            opened := opened + 1;
        end if;
        month := month + interval '1 month';
    end loop;
    return opened;
end
$$;
revoke execute on function registers.open_months(timestamptz, timestamptz) from public;
grant execute on function registers.open_months(timestamptz, timestamptz) to ${app};

select registers.open_months(coalesce(min(at), now()), now() + interval '2 months')
    from registers.read_log_before;
insert into registers.read_log overriding system value select * from registers.read_log_before;
select setval(pg_get_serial_sequence('registers.read_log', 'id'), greatest(max(id), 1),
    max(id) is not null) from registers.read_log;
drop table registers.read_log_before;

grant select, insert on registers.read_log to ${app};
grant usage on all sequences in schema registers to ${app};
