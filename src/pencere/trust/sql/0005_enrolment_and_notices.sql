-- Machines ask for certificates by themselves (ACME, EST), and people are told of theirs.

-- A system of a body that may ask. The MAC key is made from the id and a secret of the service.
create table trust.enrolment_binding (
    id            text primary key,
    body          text not null,
    organization  text not null,
    system        text not null,
    identifiers   text[] not null check (cardinality(identifiers) > 0),
    profiles      text[] not null check (cardinality(profiles) > 0),
    created_at    timestamptz not null,
    expires_at    timestamptz not null,
    ended_at      timestamptz
);
grant select, insert, update (ended_at) on trust.enrolment_binding to ${app};
create trigger kept before delete or truncate on trust.enrolment_binding
    for each statement execute function trust.refuse_change();

-- RFC 8555 section 7.1.2. A binding opens one account in force.
create table trust.acme_account (
    id            text primary key,
    binding       text not null references trust.enrolment_binding,
    thumbprint    bytea not null unique check (octet_length(thumbprint) = 32),  -- RFC 7638
    jwk           jsonb not null,
    eab           jsonb not null,         -- the binding as the account sent it
    contact       text[] not null default '{}',
    status        text not null default 'valid' check (status in ('valid', 'deactivated', 'revoked')),
    created_at    timestamptz not null
);
create unique index on trust.acme_account (binding) where status = 'valid';
grant select, insert, update (thumbprint, jwk, contact, status) on trust.acme_account to ${app};

-- Nonces are kept only once they are used, until they would be too old anyway.
create table trust.acme_nonce (
    value         bytea primary key,
    expires_at    timestamptz not null
);
create index on trust.acme_nonce (expires_at);
grant select, insert, delete on trust.acme_nonce to ${app};

-- RFC 8555 section 7.1.3. The status follows from the columns; see acme/orders.py.
create table trust.acme_order (
    id            text primary key,
    account       text not null references trust.acme_account,
    profile       text not null,
    identifiers   jsonb not null,
    replaces      bytea references trust.certificate (serial),
    created_at    timestamptz not null,
    expires_at    timestamptz not null,
    request       bytea,                  -- PKCS#10, DER: on record before anything is issued
    finalizing_at timestamptz,
    certificate   bytea unique references trust.certificate (serial),
    error         jsonb,                  -- kind, code and facts of a problem
    check ((request is null) = (finalizing_at is null)),
    check (certificate is null or request is not null)
);
create index on trust.acme_order (account, created_at);
create unique index on trust.acme_order (replaces) where replaces is not null and error is null;
grant select, insert, update (request, finalizing_at, certificate, error) on trust.acme_order
    to ${app};
create trigger kept before delete or truncate on trust.acme_order
    for each statement execute function trust.refuse_change();

-- One identifier of one order, with its one challenge (http-01).
create table trust.acme_authorization (
    id            text primary key,
    "order"       text not null references trust.acme_order,
    kind          text not null check (kind in ('dns', 'ip')),
    value         text not null,
    status        text not null default 'pending'
                  check (status in ('pending', 'processing', 'valid', 'invalid', 'deactivated')),
    token         text not null,
    expires_at    timestamptz not null,
    asked_at      timestamptz,
    settled_at    timestamptz,
    error         jsonb
);
create index on trust.acme_authorization ("order");
create index on trust.acme_authorization (asked_at) where status = 'processing';
create index on trust.acme_authorization (settled_at) where status = 'invalid';
grant select, insert, update (status, asked_at, settled_at, error) on trust.acme_authorization
    to ${app};
create trigger kept before delete or truncate on trust.acme_authorization
    for each statement execute function trust.refuse_change();

-- What an interrupted order is found by.
create index on trust.certificate (request_sha256) where request_sha256 is not null;

-- Who wants to be told when a certificate is issued in their name.
create table trust.log_subscription (
    id            uuid primary key,
    holder        text not null,
    channel       text not null,
    first_index   bigint not null,        -- leaves of the log before it are no news
    created_at    timestamptz not null,
    ended_at      timestamptz
);
create unique index on trust.log_subscription (holder, channel) where ended_at is null;
grant select, insert, update (ended_at) on trust.log_subscription to ${app};
