-- What a month leaves behind goes with it: members of batches whose answers were archived, then
-- batches and kept leaves that nothing refers to. By the owner alone, and never what is needed:
-- each row is asked about, so that no mistake of the archiver can take a proof from a live row.

create function gateway.refuse_needed() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
    is_needed boolean;
begin
    if tg_table_name = 'batch_member' then
        is_needed := exists (select from gateway.response r where r.seq = old.response_seq);
    elsif tg_table_name = 'batch_leaves' then
        is_needed := exists (select from gateway.batch_member m where m.batch = old.batch);
    else
        -- The newest is what certificates of the authority are found by.
        is_needed := exists (select from gateway.batch_member m where m.batch = old.id)
            or not exists (select from gateway.batch b where b.id > old.id);
    end if;
    if is_needed then
        raise exception 'gateway.% is only added to, and this row is needed', tg_table_name
            using errcode = 'insufficient_privilege';
    end if;
    return old;
end
$$;

do $$
declare one text;
begin
    foreach one in array array['batch_member', 'batch_leaves', 'batch'] loop
        execute format('drop trigger only_added on gateway.%I', one);
        execute format(
            'create trigger only_added before update or truncate on gateway.%I'
            ' for each statement execute function gateway.refuse_change()', one);
        execute format(
            'create trigger never_needed before delete on gateway.%I'
            ' for each row execute function gateway.refuse_needed()', one);
    end loop;
end
$$;
