-- The national trusted list (ETSI TS 119 612): services with the history of their status, and
-- every list that was signed. Nothing is ever changed; what is said now is the newest row.

create table trust.trust_service (
    id          bigint generated always as identity primary key,
    type        text not null,                  -- URI of TS 119 612 clause 5.5.1
    name        text not null,                  -- key of the scheme's texts: issuing-person, tsa ...
    certificate bytea not null,                 -- the service's digital identity, DER
    sha256      bytea not null generated always as (sha256(certificate)) stored,
    recorded_at timestamptz not null default now(),
    unique (type, sha256)
);
create table trust.trust_service_status (
    service     bigint not null references trust.trust_service,
    status      text not null,                  -- URI of clause 5.5.4
    since       timestamptz not null,
    recorded_at timestamptz not null default now(),
    primary key (service, since)
);
create table trust.trusted_list (
    sequence    bigint primary key check (sequence > 0),
    issued_at   timestamptz not null,
    next_update timestamptz not null check (next_update > issued_at),
    said        bytea not null,                 -- digest of what it says, without number and times
    content     bytea not null
);
grant select, insert on trust.trust_service, trust.trust_service_status, trust.trusted_list
    to ${app};
create trigger kept before update or delete or truncate on trust.trust_service
    for each statement execute function trust.refuse_change();
create trigger kept before update or delete or truncate on trust.trust_service_status
    for each statement execute function trust.refuse_change();
create trigger kept before update or delete or truncate on trust.trusted_list
    for each statement execute function trust.refuse_change();
