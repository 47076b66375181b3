-- Status of certificates as a history: held, released, revoked. One row an event, never changed.
-- The revocations on record are its first rows; `trust.revocation` goes on as a view of them.
alter table trust.revocation rename to status_event;
alter table trust.status_event drop constraint revocation_pkey;
alter table trust.status_event drop constraint revocation_reason_check;
alter table trust.status_event alter column reason drop not null;
alter table trust.status_event rename column revoked_at to since;
alter table trust.status_event
    add column number bigint generated always as identity primary key,
    add column act text not null default 'revoked' check (act in ('held', 'released', 'revoked')),
    add column at timestamptz,
    -- From when the key is thought to have been in other hands (RFC 5280 5.3.2).
    add column invalid_since timestamptz,
    -- Orders events by what a reader could see: a number says nothing about who commits first.
    add column xid xid8 not null default pg_current_xact_id(),
    add check (case act when 'held' then reason = 6 when 'released' then reason is null
               else reason in (0, 1, 2, 3, 4, 5, 9) end);  -- RFC 5280 5.3.1
alter table trust.status_event alter column act drop default;
alter table trust.status_event alter column at type timestamptz using since;  -- of the rows there
alter table trust.status_event alter column at set not null;
create index on trust.status_event (serial, number desc);
create index on trust.status_event (xid);
create unique index on trust.status_event (serial) where act = 'revoked';
grant select, insert on trust.status_event to ${app};

-- `since` is from when the certificate is not to be relied on: a revocation that follows a hold
-- takes the day of the hold (X.509 section 9.5.3.1). Writers give `at`, and leave `since` to this.
create function trust.status_follows() returns trigger language plpgsql as $$
declare
    last trust.status_event;
begin
    -- Events of one certificate take turns.
    perform from trust.certificate where serial = new.serial for no key update;
    select * into last from trust.status_event where serial = new.serial
        order by number desc limit 1;
    if last.act = 'revoked' then
        raise unique_violation using message = 'the certificate is revoked for good';
    elsif new.act = 'held' and last.act = 'held' then
        raise unique_violation using message = 'the certificate is held already';
    elsif new.act = 'released' and last.act is distinct from 'held' then
        raise check_violation using message = 'the certificate is not held';
    end if;
    new.since := case when new.act = 'revoked' and last.act = 'held' then last.since else new.at end;
    return new;
end $$;
create trigger follows before insert on trust.status_event
    for each row execute function trust.status_follows();

-- Tells every process that remembers a status, in the transaction of the event.
create function trust.tell_status() returns trigger language plpgsql as $$
declare
    serials text;
begin
    select string_agg(encode(serial, 'hex'), ' ') into serials from added;
    if serials is not null then  -- a notice holds less than 8000 bytes
        perform pg_notify('trust_status', case when length(serials) > 7000 then '*' else serials end);
    end if;
    return null;
end $$;
create trigger told after insert on trust.status_event
    referencing new table as added for each statement execute function trust.tell_status();

create view trust.revocation as
    select serial, since as revoked_at, reason, recorded_at from trust.status_event
    where act = 'revoked';
grant select, insert on trust.revocation to ${app};
create function trust.revoke_as_before() returns trigger language plpgsql as $$
begin
    insert into trust.status_event (serial, act, at, reason)
        values (new.serial, 'revoked', new.revoked_at, new.reason);
    return new;
end $$;
create trigger recorded instead of insert on trust.revocation
    for each row execute function trust.revoke_as_before();

-- What stands on the newest row of each certificate that is not good.
create view trust.not_good as
    select * from (select distinct on (serial) * from trust.status_event
                   order by serial, number desc) newest
    where act <> 'released';
grant select on trust.not_good to ${app};

-- Which part of a divided list a certificate is on; its own pointer says so, and never changes.
alter table trust.certificate add column shard smallint check (shard >= 0);

-- One numbering for all lists of an issuer (RFC 5280 5.2.3). `scope` is full, delta, or a shard.
alter table trust.crl add column scope text not null default 'full',
    add column base_number bigint,       -- of a delta: the full list it completes
    add column is_base boolean not null default false,
    add column events bigint not null default 0,  -- how many events of the issuer it knows of
    add column seen xid8 not null default '0',    -- every event before this transaction is in it
    drop constraint crl_pkey,
    add primary key (issuer, scope, number);

-- Each start of the time-stamping service takes a number; it begins every serial number it gives.
create sequence trust.tsa_run maxvalue 2147483647;
grant usage on sequence trust.tsa_run to ${app};
-- Signatures and digests do not compress; trying costs more than the rest of making a list.
alter table trust.crl alter column encoded set storage external;
