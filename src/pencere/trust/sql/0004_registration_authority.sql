-- The registration authority: officers, applications, acts with their approvals, codes, and PINs.
-- An act, an approval and an effect prove something and stay; only the state of an act moves.

-- The key of a certificate without a parser outside: SHA-256 of SubjectPublicKeyInfo, found by
-- walking the DER of the TBS bytes. Bytes that are no certificate have none.
create function trust.der_next(tbs bytea, at integer) returns integer
    language plpgsql immutable strict parallel safe set search_path = pg_catalog as
$$
declare
    first integer := get_byte(tbs, at + 1);
    size integer := 0;
begin
    if first < 128 then
        return at + 2 + first;
    end if;
    if first = 128 or first > 131 then
        raise exception 'der';
    end if;
    for i in 1 .. first - 128 loop
        size := size * 256 + get_byte(tbs, at + 1 + i);
    end loop;
    return at + 2 + first - 128 + size;
end $$;

create function trust.key_sha256(tbs bytea) returns bytea
    language plpgsql immutable strict parallel safe set search_path = pg_catalog as
$$
declare
    at integer;
begin
    if get_byte(tbs, 0) <> 48 then
        return null;
    end if;
    at := 2 + case when get_byte(tbs, 1) < 128 then 0 else get_byte(tbs, 1) - 128 end;
    for i in 1 .. 6 loop  -- version, serial number, algorithm, issuer, validity, subject
        at := trust.der_next(tbs, at);
    end loop;
    if get_byte(tbs, at) <> 48 then
        return null;
    end if;
    return sha256(substring(tbs from at + 1 for trust.der_next(tbs, at) - at));
exception when others then
    return null;
end $$;
grant execute on function trust.der_next(bytea, integer), trust.key_sha256(bytea) to ${app};
create index on trust.certificate (trust.key_sha256(tbs));
create index on trust.certificate (issued_at) where state = 'issued';

create table trust.ra_application (
    id            uuid primary key,
    number        bigint generated always as identity unique,
    holder        text not null,
    content       bytea not null,         -- canonical JSON
    sha256        bytea not null,
    case_number   text,
    opened_by     text not null,
    opened_at     timestamptz not null
);
create index on trust.ra_application (holder, number);
grant select, insert on trust.ra_application to ${app};
create trigger kept before update or delete or truncate on trust.ra_application
    for each statement execute function trust.refuse_change();

-- What officers sign is `content`; nothing of it ever changes.
create table trust.ra_act (
    id            uuid primary key,
    number        bigint generated always as identity unique,
    kind          text not null,
    channel       text not null check (channel in ('office', 'portal', 'phone', 'public')),
    content       bytea not null,
    sha256        bytea not null unique,
    holder        text,
    opened_by     text,
    case_number   text,
    application   uuid references trust.ra_application,
    opened_at     timestamptz not null,
    expires_at    timestamptz not null,
    state         text not null default 'open'
                  check (state in ('open', 'executing', 'executed', 'withdrawn')),
    executed_at   timestamptz,
    result        jsonb,
    check ((state in ('executing', 'executed')) = (executed_at is not null))
);
create index on trust.ra_act (holder, number);
create index on trust.ra_act (application);
create index on trust.ra_act (state, number) where state in ('open', 'executing');
grant select, insert, update (state, executed_at, result) on trust.ra_act to ${app};

create function trust.ra_act_moves() returns trigger language plpgsql as $$
begin
    if old.state in ('executed', 'withdrawn') or (old.state = 'executing' and new.state = 'open') then
        raise exception 'act % is settled', old.id;
    end if;
    return new;
end $$;
create trigger settled before update on trust.ra_act
    for each row execute function trust.ra_act_moves();
create trigger kept before delete or truncate on trust.ra_act
    for each statement execute function trust.refuse_change();

create table trust.ra_approval (
    act           uuid not null references trust.ra_act,
    holder        text not null,
    certificate   bytea not null,
    signature     bytea not null,
    approved_at   timestamptz not null,
    primary key (act, holder)
);
grant select, insert on trust.ra_approval to ${app};
create trigger kept before update or delete or truncate on trust.ra_approval
    for each statement execute function trust.refuse_change();

create table trust.ra_effect (
    act           uuid not null references trust.ra_act,
    serial        bytea not null references trust.certificate,
    what          text not null check (what in ('issued', 'suspended', 'released', 'revoked')),
    at            timestamptz not null,
    primary key (act, serial, what)
);
create index on trust.ra_effect (serial);
grant select, insert on trust.ra_effect to ${app};
create trigger kept before update or delete or truncate on trust.ra_effect
    for each statement execute function trust.refuse_change();

-- Founding officers have no act.
create table trust.ra_officer (
    id            bigint generated always as identity primary key,
    holder        text not null,
    role          text not null check (role in ('ra-officer', 'ra-chief')),
    appointed_at  timestamptz not null,
    appointed_by  uuid references trust.ra_act,
    ended_at      timestamptz,
    ended_by      uuid references trust.ra_act,
    check ((ended_at is null) = (ended_by is null))
);
create unique index on trust.ra_officer (holder) where ended_at is null;
grant select, insert, update (ended_at, ended_by) on trust.ra_officer to ${app};
create trigger kept before delete or truncate on trust.ra_officer
    for each statement execute function trust.refuse_change();

-- Single-use codes: of an application, or of a phone for a new PUK. `mac` is keyed.
create table trust.ra_code (
    id            bigint generated always as identity primary key,
    act           uuid not null unique references trust.ra_act,
    application   uuid references trust.ra_application,
    device        uuid references trust.device,
    mac           bytea not null,
    created_at    timestamptz not null,
    expires_at    timestamptz not null,
    tries_left    smallint not null check (tries_left >= 0),
    claimed_by    bytea,                  -- SHA-256 of the request that proved the code
    used_at       timestamptz,
    check ((application is null) <> (device is null))
);
create index on trust.ra_code (application, id);
create index on trust.ra_code (device, id);
grant select, insert, update (tries_left, claimed_by, used_at) on trust.ra_code to ${app};
create trigger kept before delete or truncate on trust.ra_code
    for each statement execute function trust.refuse_change();

-- The centre's half of a PIN: what proves it, and the share of the key that the phone lacks.
create table trust.pin (
    device        uuid not null references trust.device,
    purpose       text not null check (purpose in ('authentication', 'signature', 'puk')),
    verifier      bytea not null check (octet_length(verifier) = 32),  -- SHA-256 of the proof
    share         bytea not null,         -- under a key of the service
    tries_left    smallint not null check (tries_left between 0 and 3),
    set_at        timestamptz not null,
    primary key (device, purpose)
);
grant select, insert, update (verifier, share, tries_left, set_at) on trust.pin to ${app};

create table trust.pin_unblocking (
    act           uuid primary key references trust.ra_act,
    device        uuid not null references trust.device,
    at            timestamptz not null
);
create index on trust.pin_unblocking (device);
grant select, insert on trust.pin_unblocking to ${app};
create trigger kept before update or delete or truncate on trust.pin_unblocking
    for each statement execute function trust.refuse_change();

-- The request on a phone for which a PIN was right.
create table trust.pin_pass (
    session       uuid primary key references trust.session on delete cascade,
    passed_at     timestamptz not null
);
grant select, insert, delete on trust.pin_pass to ${app};
