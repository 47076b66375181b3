-- Signing keys of people that lie in the centre, and the right to use them: activation data,
-- consents, OAuth 2.0 clients, codes and tokens. Secrets are kept as digests, keys only wrapped.

-- A key of a person. `sealed_key` opens with a key of its own, which is wrapped twice: under the
-- PIN and under the PUK, each together with the centre's wrapping key.
create table trust.remote_credential (
    id              text primary key check (id ~ '^r-[A-Za-z0-9_-]{22}$'),
    holder          text not null,
    algorithm       text not null check (algorithm in ('P-256', 'RSA-3072')),
    public_key      bytea not null,           -- SubjectPublicKeyInfo, DER
    sealed_key      bytea,                    -- null: destroyed
    pin_salt        bytea not null,
    pin_wrapped     bytea not null,
    pin_tries_left  smallint not null check (pin_tries_left between 0 and 3),
    puk_salt        bytea not null,
    puk_wrapped     bytea not null,
    puk_tries_left  smallint not null check (puk_tries_left between 0 and 10),
    serial          bytea unique references trust.certificate,
    created_at      timestamptz not null,
    closed_at       timestamptz,
    check ((closed_at is null) = (sealed_key is not null))
);
create index on trust.remote_credential (holder) where closed_at is null;
grant select, insert, update (sealed_key, pin_salt, pin_wrapped, pin_tries_left, puk_salt,
    puk_wrapped, puk_tries_left, serial, closed_at) on trust.remote_credential to ${app};

create function trust.remote_credential_changes() returns trigger language plpgsql as $$
begin
    if old.closed_at is not null then
        raise exception 'credential % is closed', old.id;
    elsif old.serial is not null and new.serial is distinct from old.serial then
        raise exception 'credential % has its certificate', old.id;
    elsif new.sealed_key is not null and new.sealed_key <> old.sealed_key then
        raise exception 'the key of % is not replaced', old.id;
    end if;
    return new;
end $$;
create trigger changes before update on trust.remote_credential
    for each row execute function trust.remote_credential_changes();
create trigger kept before delete or truncate on trust.remote_credential
    for each statement execute function trust.refuse_change();

-- Applications that may ask: `secret_sha256` null for a public one, which proves itself by PKCE.
create table trust.oauth_client (
    id              text primary key check (id ~ '^[a-z0-9][a-z0-9.-]{1,63}$'),
    name            text not null,            -- as people see it
    secret_sha256   bytea,
    redirect_uris   text[] not null,
    seals           text[] not null default '{}',   -- credentials of its own, without a person
    relying_party   uuid references trust.relying_party,
    is_enabled      boolean not null default true
);
grant select, insert, update (name, secret_sha256, redirect_uris, seals, relying_party, is_enabled)
    on trust.oauth_client to ${app};

-- What a person is asked: to let a client list their keys, or use one for given digests.
-- Known by the secret of its page, or by the handle of credentials/authorize.
create table trust.consent (
    sha256          bytea primary key,
    kind            text not null check (kind in ('page', 'handle')),
    client          text references trust.oauth_client,
    question        jsonb not null,           -- as was asked, docs/specs/csc.md
    holder          text,
    credential      text references trust.remote_credential,
    browser_sha256  bytea,                    -- of the cookie of the browser that began
    sealed          bytea,                    -- what opens the key, under the secret of the page
    session         uuid references trust.session on delete set null,
    created_at      timestamptz not null,
    expires_at      timestamptz not null,
    ended_at        timestamptz,
    tries_left      smallint not null default 5
);
create index on trust.consent (expires_at);
grant select, insert, update (holder, sealed, session, ended_at, tries_left), delete
    on trust.consent to ${app};

-- A pushed authorisation request, RFC 9126, waits here for its browser.
create table trust.pushed_request (
    sha256          bytea primary key,
    client          text not null references trust.oauth_client,
    parameters      jsonb not null,
    expires_at      timestamptz not null
);
create index on trust.pushed_request (expires_at);
grant select, insert, delete on trust.pushed_request to ${app};

create table trust.oauth_code (
    sha256          bytea primary key,
    client          text not null references trust.oauth_client,
    question        jsonb not null,
    holder          text not null,
    credential      text references trust.remote_credential,
    sealed          bytea,
    family          uuid not null,            -- everything that came of one consent
    expires_at      timestamptz not null,
    used_at         timestamptz
);
create index on trust.oauth_code (expires_at);
grant select, insert, update (used_at, sealed), delete on trust.oauth_code to ${app};

create table trust.oauth_token (
    sha256          bytea primary key,
    kind            text not null check (kind in ('access', 'refresh')),
    client          text not null references trust.oauth_client,
    holder          text,                     -- null: the client for itself
    family          uuid not null,
    expires_at      timestamptz not null,
    ended_at        timestamptz               -- revoked, or a refresh token that was used
);
create index on trust.oauth_token (family);
create index on trust.oauth_token (expires_at);
grant select, insert, update (ended_at), delete on trust.oauth_token to ${app};

-- Activation data now opens keys of people too. `sealed` is gone once it was used.
alter table trust.activation drop constraint activation_credential_fkey;
alter table trust.activation
    add column hash_algorithm text not null default 'SHA256'
        check (hash_algorithm in ('SHA256', 'SHA384', 'SHA512')),
    add column client text,
    add column sealed bytea,
    add column family uuid,
    add column latest_end timestamptz;        -- no extension goes beyond
create index on trust.activation (family);
grant update (sealed) on trust.activation to ${app};

-- A code shown on the phone. It dies with the request it was shown in.
create table trust.phone_code (
    session         uuid primary key references trust.session on delete cascade,
    credential      text not null references trust.remote_credential,
    mac             bytea not null,
    tries_left      smallint not null check (tries_left between 0 and 3),
    used_at         timestamptz
);
create index on trust.phone_code (credential);
grant select, insert, update (tries_left, used_at), delete on trust.phone_code to ${app};

-- How a person comes to a key: asked by a phone signature or an act of the registration
-- authority, finished by the person, who chooses the PIN.
create table trust.remote_enrolment (
    id              uuid primary key,
    holder          text not null,
    subject         jsonb not null,
    algorithm       text not null check (algorithm in ('P-256', 'RSA-3072')),
    statement       bytea not null,           -- canonical JSON that the phone signs
    basis           text not null check (basis in ('phone', 'act')),
    return_uri      text,
    language        text not null,
    page_sha256     bytea unique,             -- set once the basis is proven
    proof           bytea,                    -- the phone's signature, DER, or the act's id
    credential      text references trust.remote_credential,
    created_at      timestamptz not null,
    expires_at      timestamptz not null,
    finished_at     timestamptz
);
create index on trust.remote_enrolment (expires_at);
grant select, insert, update (page_sha256, proof, credential, finished_at), delete
    on trust.remote_enrolment to ${app};

-- Documents signed in the background; whoever asked fetches them within the hour.
create table trust.signing_job (
    sha256          bytea primary key,
    asked_by        text not null,
    answer          jsonb,
    expires_at      timestamptz not null
);
create index on trust.signing_job (expires_at);
grant select, insert, update (answer), delete on trust.signing_job to ${app};
