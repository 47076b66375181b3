-- The durable log of a node. docs/specs/evidence.md.
-- One row when a request is sent or accepted, one when it is answered; rows are only ever added.
-- What names a person is sealed (AES-256-GCM); person_digest is keyed and finds, never tells.

create schema gateway;

create table gateway.request (
    seq bigint generated always as identity primary key,
    exchange uuid not null,
    side text not null check (side in ('consumer', 'provider')),
    message_id text not null,
    node text not null,
    peer text not null,
    consumer text not null,
    provider text not null,
    service text not null,
    method text not null,
    endpoint text not null,
    agreement text not null,
    purpose text not null,
    legal_basis text not null,
    case_number text not null,
    person_digest bytea,
    person_sealed bytea,
    signed_at timestamptz not null,
    recorded_at timestamptz not null,
    head_digest bytea not null check (octet_length(head_digest) = 64),
    body_digest bytea check (octet_length(body_digest) = 64),
    body_bytes integer not null,
    certificate bytea not null check (octet_length(certificate) = 32),
    signature bytea not null,
    head_sealed bytea not null,
    body_sealed bytea,
    -- Also the barrier against replay: an exchange is accepted once.
    unique (exchange, side)
);

create index request_by_person on gateway.request (person_digest, seq desc)
    where side = 'provider' and person_digest is not null;

create table gateway.response (
    seq bigint generated always as identity primary key,
    exchange uuid not null,
    side text not null check (side in ('consumer', 'provider')),
    outcome text not null check (outcome in ('answered', 'fault', 'interrupted')),
    status integer not null,
    fault text not null,
    signed_at timestamptz,
    recorded_at timestamptz not null,
    head_digest bytea check (octet_length(head_digest) = 64),
    body_digest bytea check (octet_length(body_digest) = 64),
    body_bytes integer not null,
    certificate bytea check (octet_length(certificate) = 32),
    signature bytea,
    head_sealed bytea,
    body_sealed bytea,
    -- SHA-256 over both statements and signatures: what a time-stamp batch commits to.
    evidence_digest bytea not null check (octet_length(evidence_digest) = 32),
    leaf_hash bytea check (octet_length(leaf_hash) = 32),
    leaf_entry bytea,
    leaf_salt bytea,
    unique (exchange, side)
);

create table gateway.batch (
    id bigint generated always as identity primary key,
    size integer not null check (size > 0),
    root bytea not null check (octet_length(root) = 32),
    token bytea not null,
    stamped_at timestamptz not null,
    recorded_at timestamptz not null
);

create table gateway.batch_member (
    response_seq bigint primary key references gateway.response (seq),
    batch bigint not null references gateway.batch (id),
    position integer not null,
    unique (batch, position)
);

create function gateway.refuse_change() returns trigger language plpgsql as $$
begin
    raise exception 'the exchange log is only ever added to (% on %)', tg_op, tg_table_name
        using errcode = 'insufficient_privilege';
end
$$;

create trigger only_added before update or delete or truncate on gateway.request
    for each statement execute function gateway.refuse_change();
create trigger only_added before update or delete or truncate on gateway.response
    for each statement execute function gateway.refuse_change();
create trigger only_added before update or delete or truncate on gateway.batch
    for each statement execute function gateway.refuse_change();
create trigger only_added before update or delete or truncate on gateway.batch_member
    for each statement execute function gateway.refuse_change();

-- Heads and bodies are sealed, so compressing them gains nothing and costs time.
alter table gateway.request alter column head_sealed set storage external,
    alter column body_sealed set storage external;
alter table gateway.response alter column head_sealed set storage external,
    alter column body_sealed set storage external;

grant usage on schema gateway to ${app};
grant select, insert on gateway.request, gateway.response, gateway.batch, gateway.batch_member
    to ${app};
