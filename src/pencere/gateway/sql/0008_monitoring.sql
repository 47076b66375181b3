-- Operational monitoring (PR-OPMON): one row an exchange and side, refused ones too.
-- docs/reference/monitoring.md. It proves nothing and names no person: no user, no path, no body.
-- The node writes it behind its answers and deletes what is old.

create sequence gateway.monitoring_id;

create table gateway.monitoring (
    id bigint primary key default nextval('gateway.monitoring_id'),
    recorded_at timestamptz not null,
    node text not null,
    side text not null check (side in ('consumer', 'provider')),
    request_in_ms bigint not null,
    request_out_ms bigint,
    response_in_ms bigint,
    response_out_ms bigint not null,
    exchange uuid,
    message_id text not null,
    consumer text not null,
    service text not null,
    service_type text not null,
    method text not null,
    endpoint text not null,
    agreement text not null,
    represented text not null,
    peer text not null,
    request_bytes bigint not null,
    response_bytes bigint not null,
    status integer not null,
    fault text not null,
    trace bytea not null check (octet_length(trace) = 16)
);

alter sequence gateway.monitoring_id owned by gateway.monitoring.id;
create index monitoring_by_time on gateway.monitoring using brin (recorded_at);

-- Counts of a day are read from the log itself, which loses nothing.
create index request_by_time on gateway.request using brin (recorded_at);

grant select, insert, delete on gateway.monitoring to ${app};
grant usage on sequence gateway.monitoring_id to ${app};
