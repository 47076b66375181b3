-- Messages that must arrive, and events. docs/specs/messages.md, docs/specs/events.md.

-- At the sender's node: what it has taken over to deliver.
create table gateway.message (
    receipt uuid primary key,
    seq bigint generated always as identity,
    node text not null,
    consumer text not null,
    message_id text not null,
    -- SHA-256 of what is to be delivered: the same id with other content is refused.
    digest bytea not null check (octet_length(digest) = 32),
    service text not null,
    -- Messages of one consumer, service and key arrive in the order of `seq`; '' asks for none.
    ordering text not null,
    -- Method, target and headers, JSON; dropped with the body and the answer some time after the end.
    head_sealed bytea,
    body_sealed bytea,
    accepted_at timestamptz not null,
    expires_at timestamptz not null,
    state text not null default 'waiting'
        check (state in ('waiting', 'delivered', 'refused', 'dead')),
    attempts integer not null default 0,
    -- By the clock of the database, which is one for all nodes of it.
    next_at timestamptz not null default now(),
    leased_by text,
    leased_until timestamptz,
    fault text not null default '',
    ended_at timestamptz,
    exchange uuid,
    answer_status smallint,
    answer_sealed bytea,
    unique (consumer, message_id)
);
create index message_due on gateway.message (next_at) where state = 'waiting';
create index message_order on gateway.message (consumer, service, ordering, seq)
    where state = 'waiting' and ordering <> '';
create index message_ended on gateway.message (ended_at)
    where state <> 'waiting' and head_sealed is not null;
create index message_dead on gateway.message (seq) where state = 'dead';

-- What is being sent never changes, and what ended stays so unless a dead letter is sent again.
create function gateway.guard_message() returns trigger language plpgsql as $$
begin
    if (new.receipt, new.consumer, new.message_id, new.digest, new.service, new.ordering,
        new.accepted_at)
        is distinct from
       (old.receipt, old.consumer, old.message_id, old.digest, old.service, old.ordering,
        old.accepted_at)
       or (old.state in ('delivered', 'refused') and new.state <> old.state)
       or (old.state = 'waiting' and (old.head_sealed, old.body_sealed)
           is distinct from (new.head_sealed, new.body_sealed))
    then
        raise exception 'a message that was taken over never changes'
            using errcode = 'insufficient_privilege';
    end if;
    return new;
end
$$;
create trigger never_changed before update on gateway.message
    for each row execute function gateway.guard_message();

-- Signed by the sender's node: accepted, delivered, refused, dead, again.
create table gateway.message_receipt (
    receipt uuid not null references gateway.message (receipt),
    seq bigint generated always as identity,
    kind text not null check (kind in ('accepted', 'delivered', 'refused', 'dead', 'again')),
    statement text not null,
    certificate bytea not null,
    signature bytea not null,
    primary key (receipt, seq)
);

-- At the provider's node: which messages had their effect, or may have begun to.
create table gateway.received (
    consumer text not null,
    message_id text not null,
    digest bytea not null check (octet_length(digest) = 32),
    service text not null,
    first_exchange uuid not null,
    received_at timestamptz not null,
    leased_until timestamptz not null,
    ended_at timestamptz,
    status smallint,
    answer_sealed bytea,
    primary key (consumer, message_id)
);
create index received_ended on gateway.received (ended_at) where answer_sealed is not null;

create function gateway.guard_received() returns trigger language plpgsql as $$
begin
    if (new.consumer, new.message_id, new.digest, new.first_exchange)
        is distinct from (old.consumer, old.message_id, old.digest, old.first_exchange)
       or (old.ended_at is not null
           and (new.ended_at, new.status) is distinct from (old.ended_at, old.status))
    then
        raise exception 'the effect of a message is remembered as it was'
            using errcode = 'insufficient_privilege';
    end if;
    return new;
end
$$;
create trigger never_changed before update on gateway.received
    for each row execute function gateway.guard_received();

-- At the publisher's node: events, numbered without a gap within their type.
create table gateway.event_series (
    type text primary key,
    last bigint not null default 0 check (last >= 0)
);
create table gateway.event (
    type text not null,
    number bigint not null check (number > 0),
    id uuid not null unique,
    publisher text not null,
    key text not null,
    digest bytea not null check (octet_length(digest) = 32),
    recorded_at timestamptz not null,
    content_sealed bytea,
    statement text not null,
    certificate bytea not null,
    signature bytea not null,
    primary key (type, number),
    unique (publisher, type, key)
);
create index event_kept on gateway.event (recorded_at) where content_sealed is not null;

-- How far the events of a type were handed over to be delivered to a subscription.
create table gateway.event_cursor (
    subscription text primary key,
    type text not null,
    number bigint not null check (number >= 0)
);

-- At the subscriber's node: what arrived, and what its system acknowledged.
create table gateway.event_inbox (
    subscriber text not null,
    type text not null,
    number bigint not null check (number > 0),
    id uuid not null,
    publisher text not null,
    subscription text not null,
    exchange uuid not null,
    occurred_at timestamptz not null,
    received_at timestamptz not null,
    content_sealed bytea,
    state text not null default 'waiting' check (state in ('waiting', 'acknowledged', 'dead')),
    attempts integer not null default 0,
    next_at timestamptz not null default now(),
    reason text not null default '',
    ended_at timestamptz,
    primary key (subscriber, type, number)
);
create index event_inbox_waiting on gateway.event_inbox (subscriber, type, number)
    where state = 'waiting';
create index event_inbox_kept on gateway.event_inbox (received_at) where content_sealed is not null;

create trigger only_added before update or delete or truncate on gateway.message_receipt
    for each statement execute function gateway.refuse_change();

grant select, insert, update on gateway.message, gateway.received, gateway.event_series,
    gateway.event_cursor, gateway.event_inbox to ${app};
grant select, insert on gateway.message_receipt, gateway.event to ${app};
grant update (content_sealed) on gateway.event to ${app};
