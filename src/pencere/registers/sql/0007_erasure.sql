-- Lawful erasure that keeps the proof: of a version stay its hash and the salted digest that the
-- hash is made of; the data and the salt go. docs/specs/registers.md, section 10; decision 0035.

alter table registers.record add column erased_at timestamptz;
alter table registers.record_version
    add column content bytea check (octet_length(content) = 32),
    alter column salt drop not null,
    alter column data drop not null,
    add constraint record_version_erased
        check ((data is null) = (salt is null) and (data is null) = (content is not null));

-- By which act, for which case; what was disclosed before remains in the log of readings.
create table registers.erasure (
    record bigint primary key references registers.record (id),
    versions integer not null check (versions > 0),
    client text not null,
    basis text not null,
    case_number text,
    reason text not null,
    at timestamptz not null
);
create trigger append_only before update or delete or truncate on registers.erasure
    for each statement execute function registers.refuse_change();
grant select on registers.erasure to ${app};

drop trigger append_only on registers.record_version;
create trigger append_only before delete or truncate on registers.record_version
    for each statement execute function registers.refuse_change();

create function registers.refuse_all_but_erasure() returns trigger
language plpgsql set search_path = pg_catalog as $$
begin
    if coalesce(current_setting('registers.erasing', true), '') <> old.record::text
        or old.data is null or new.data is not null or new.content is null
        or to_jsonb(new) - array['data', 'salt', 'content']
            <> to_jsonb(old) - array['data', 'salt', 'content']
    then
        raise exception 'registers.record_version is append-only'
            using errcode = 'insufficient_privilege';
    end if;
    return new;
end
$$;
create trigger append_only_but_erasure before update on registers.record_version
    for each row execute function registers.refuse_all_but_erasure();

-- For the owner of the database alone: the service has no right to it.
-- `contents` are the digests of the versions from 1 on.
create function registers.erase(
    erased bigint, contents bytea[], client text, basis text, case_number text, reason text,
    at timestamptz
) returns void
language plpgsql security definer set search_path = pg_catalog as $$
declare
    versions integer;
begin
    perform from registers.record r where r.id = erased and r.erased_at is null for update;
    if not found then
        raise exception 'no such record' using errcode = 'no_data_found';
    end if;
    perform set_config('registers.erasing', erased::text, true);
    update registers.record_version v set content = contents[v.version], data = null, salt = null
        where v.record = erased;
    get diagnostics versions = row_count;
    if versions <> cardinality(contents) then
        raise exception 'a digest for each version' using errcode = 'invalid_parameter_value';
    end if;
    perform set_config('registers.erasing', '', true);
    update registers.record r set data = '{}', state = 'annulled', erased_at = erase.at
        where r.id = erased;
    delete from registers.record_key k where k.record = erased;
    delete from registers.event_outbox e where e.record = erased;
    insert into registers.erasure
        values (erased, versions, client, basis, case_number, reason, at);
end
$$;
revoke execute on function registers.erase(bigint, bytea[], text, text, text, text, timestamptz)
    from public;
