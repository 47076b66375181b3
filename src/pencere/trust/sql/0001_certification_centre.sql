-- The certification centre: certificates, their revocation, lists, seals, phones, sessions.
-- Rows that prove something are never changed or deleted: no such right, and a trigger besides.
create schema trust;
grant usage on schema trust to ${app};

create function trust.refuse_change() returns trigger language plpgsql as
$$ begin raise exception 'rows of % are append-only', tg_table_name; end $$;

-- A row is there before the signature: serial number and the exact bytes to be signed.
create table trust.certificate (
    serial        bytea primary key check (octet_length(serial) between 8 and 20),
    issuer        text not null,
    profile       text not null,
    holder        text not null,          -- serialNumber or organizationIdentifier of the subject
    tbs           bytea not null,
    state         text not null default 'reserved' check (state in ('reserved', 'refused', 'issued')),
    encoded       bytea,
    sha256        bytea unique,
    not_before    timestamptz not null,
    not_after     timestamptz not null,
    reserved_at   timestamptz not null,
    issued_at     timestamptz,
    check ((state = 'issued') = (encoded is not null and sha256 is not null and issued_at is not null))
);
create index on trust.certificate (issuer, state);
create index on trust.certificate (holder, profile) where state = 'issued';
grant select, insert, update (state, encoded, sha256, issued_at) on trust.certificate to ${app};

create function trust.certificate_moves_once() returns trigger language plpgsql as $$
begin
    if old.state <> 'reserved' then
        raise exception 'certificate % is settled', encode(old.serial, 'hex');
    end if;
    return new;
end $$;
create trigger settled before update on trust.certificate
    for each row execute function trust.certificate_moves_once();
create trigger kept before delete or truncate on trust.certificate
    for each statement execute function trust.refuse_change();

create table trust.revocation (
    serial        bytea primary key references trust.certificate,
    revoked_at    timestamptz not null,
    reason        smallint not null check (reason in (0, 1, 2, 3, 4, 5, 9)),  -- RFC 5280 5.3.1
    recorded_at   timestamptz not null default now()
);
grant select, insert on trust.revocation to ${app};
create trigger kept before update or delete or truncate on trust.revocation
    for each statement execute function trust.refuse_change();

create table trust.crl (
    issuer        text not null,
    number        bigint not null check (number > 0),
    encoded       bytea not null,
    this_update   timestamptz not null,
    next_update   timestamptz not null,
    primary key (issuer, number)
);
grant select, insert on trust.crl to ${app};
create trigger kept before update or delete or truncate on trust.crl
    for each statement execute function trust.refuse_change();

-- Who may ask a phone for a signature.
create table trust.relying_party (
    uuid          uuid primary key,
    name          text not null,
    secret_sha256 bytea not null
);
grant select, insert, update (name, secret_sha256) on trust.relying_party to ${app};

-- Seals of bodies: the key lies in the keystore under key_name.
create table trust.credential (
    id            text primary key,
    key_name      text not null unique,
    holder        text not null,
    token_sha256  bytea not null unique,
    is_enabled    boolean not null default true
);
grant select, insert, update (token_sha256, is_enabled) on trust.credential to ${app};

create table trust.activation (
    sha256        bytea primary key,      -- of the signature activation data (SAD)
    credential    text not null references trust.credential,
    digests       bytea[] not null,
    expires_at    timestamptz not null,
    used_at       timestamptz
);
grant select, insert, update (used_at), delete on trust.activation to ${app};
create index on trust.activation (expires_at);

create table trust.device (
    id                      uuid primary key,
    holder                  text not null,
    phone                   text not null,
    public_key              bytea not null,     -- SubjectPublicKeyInfo, DER
    authentication_serial   bytea not null references trust.certificate,
    signature_serial        bytea not null references trust.certificate,
    registered_at           timestamptz not null,
    closed_at               timestamptz
);
create unique index on trust.device (holder, phone) where closed_at is null;
grant select, insert, update (closed_at) on trust.device to ${app};

create table trust.device_challenge (
    challenge     bytea primary key,
    device        uuid not null references trust.device,
    expires_at    timestamptz not null
);
create index on trust.device_challenge (expires_at);
grant select, insert, delete on trust.device_challenge to ${app};

create table trust.device_token (
    sha256        bytea primary key,
    device        uuid not null references trust.device,
    expires_at    timestamptz not null
);
create index on trust.device_token (expires_at);
grant select, insert, delete on trust.device_token to ${app};

-- One question to one phone. device is null for a person who has none.
create table trust.session (
    id             uuid primary key,
    relying_party  uuid not null references trust.relying_party,
    kind           text not null check (kind in ('authentication', 'signature')),
    device         uuid references trust.device,
    digest         bytea not null,
    hash_type      text not null check (hash_type in ('SHA256', 'SHA384', 'SHA512')),
    language       text not null,
    display_text   text not null,
    created_at     timestamptz not null,
    expires_at     timestamptz not null,
    delivered_at   timestamptz,
    completed_at   timestamptz,
    result         text,
    signature      bytea,
    check ((result is null) = (completed_at is null)),
    check ((result is not distinct from 'OK') = (signature is not null))
);
create index on trust.session (device) where result is null;
create index on trust.session (expires_at);
grant select, insert, update (delivered_at, completed_at, result, signature), delete
    on trust.session to ${app};

-- The latest instant the clock was seen to show; time-stamping refuses to go behind it.
create table trust.clock_mark (
    name          text primary key,
    seen          timestamptz not null
);
grant select, insert, update (seen) on trust.clock_mark to ${app};
