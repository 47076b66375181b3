-- Writes that are events, until the gateway's node has them. docs/specs/registers.md, docs/specs/events.md.

create table registers.event_outbox (
    id bigint generated always as identity primary key,
    system text not null,
    type text not null,
    -- By it the node knows an event that is handed over twice: register, record, version.
    key text not null unique,
    person text,
    data jsonb not null,
    at timestamptz not null
);

grant select, insert, delete on registers.event_outbox to ${app};
grant usage on all sequences in schema registers to ${app};
