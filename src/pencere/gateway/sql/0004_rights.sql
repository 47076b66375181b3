-- How often was asked under an agreement, and why requests were refused.
-- docs/specs/directory.md, "How often"; docs/specs/gateway-protocol.md, "Why was it refused".

-- Counted by every node of this database together. A count is never taken back.
create table gateway.quota_use (
    agreement text not null,
    -- The first day, in Baku, of the day or month that is counted.
    first_day date not null,
    used bigint not null default 0 check (used >= 0),
    primary key (agreement, first_day)
);

create function gateway.refuse_less() returns trigger language plpgsql as $$
begin
    raise exception 'what was used of a quota is never taken back'
        using errcode = 'insufficient_privilege';
end
$$;

create trigger only_more before update on gateway.quota_use
    for each row when (new.used < old.used) execute function gateway.refuse_less();

-- For operators: what a fault's number stands for. No header value of a person, no path.
-- Bounded by the node, which deletes the oldest: it proves nothing.
create table gateway.refusal (
    detail uuid not null,
    recorded_at timestamptz not null,
    node text not null,
    side text not null check (side in ('consumer', 'provider')),
    code text not null,
    status smallint not null,
    exchange uuid,
    consumer text not null,
    service text not null,
    method text not null,
    purpose text not null,
    legal_basis text not null,
    directory_version bigint not null,
    message text not null,
    reasons text[] not null,
    primary key (detail, side)
);

create index refusal_by_time on gateway.refusal (recorded_at);

grant select, insert, update on gateway.quota_use to ${app};
grant select, insert, delete on gateway.refusal to ${app};
