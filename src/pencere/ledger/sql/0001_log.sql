-- An append-only Merkle log (RFC 6962) beside the tables that own the facts.
-- See docs/specs/ledger.md.

create schema ledger;
grant usage on schema ledger to ${app};

-- What waits to get an index, and stays afterwards as the record of the entry. Written in the
-- transaction of the fact. Its only index grows at one end, since others' transactions pay for it.
create table ledger.pending (
    id bigint generated always as identity primary key,
    leaf_hash bytea not null,
    kind text not null,
    entry bytea not null,
    added_at timestamptz not null default now(),
    constraint pending_hash check (leaf_hash = sha256('\x00'::bytea || entry)),
    constraint pending_kind check (kind ~ '^[a-z][a-z0-9_.-]{0,63}$')
);

-- The order. A pending entry is sequenced when a leaf points to it; nothing is updated.
create table ledger.leaf (
    index bigint primary key check (index >= 0),
    pending_id bigint not null unique references ledger.pending (id),
    leaf_hash bytea not null check (octet_length(leaf_hash) = 32)
);
create index leaf_by_hash on ledger.leaf (leaf_hash);

-- Complete subtrees of levels 4, 8, 12, ...; they never change.
create table ledger.node (
    level smallint not null check (level > 0 and level % 4 = 0),
    index bigint not null check (index >= 0),
    hash bytea not null check (octet_length(hash) = 32),
    primary key (level, index)
);

-- One signed head for a size, ever. `settled`: every pending entry up to this id either has a
-- leaf or was rolled back, so the next sequencer need not look below.
create table ledger.checkpoint (
    size bigint primary key check (size >= 0),
    root bytea not null check (octet_length(root) = 32),
    note text not null,
    settled bigint not null,
    signed_at timestamptz not null
);

-- RFC 3161 tokens over SHA-256 of a checkpoint's note.
create table ledger.time_stamp (
    size bigint primary key references ledger.checkpoint (size),
    token bytea not null,
    added_at timestamptz not null default now()
);

create function ledger.refuse_change() returns trigger
language plpgsql set search_path = pg_catalog as $$
begin
    raise exception 'ledger.% is append-only', tg_table_name using errcode = 'insufficient_privilege';
end
$$;

do $$
declare
    name text;
begin
    foreach name in array array['pending', 'leaf', 'node', 'checkpoint', 'time_stamp'] loop
        execute format(
            'create trigger append_only before update or delete or truncate on ledger.%I'
            ' for each statement execute function ledger.refuse_change()', name);
    end loop;
end
$$;

-- Transactions that may still commit an entry: an INSERT locks the table before it takes an id.
create view ledger.writer as
select l.virtualtransaction as writer
from pg_catalog.pg_locks l
where l.locktype = 'relation'
    and l.database = (select d.oid from pg_catalog.pg_database d where d.datname = current_database())
    and l.relation = 'ledger.pending'::regclass
    and l.mode = 'RowExclusiveLock'
    and l.granted;

grant select, insert on ledger.pending, ledger.leaf, ledger.node, ledger.checkpoint,
    ledger.time_stamp to ${app};
grant select on ledger.writer to ${app};
grant select on sequence ledger.pending_id_seq to ${app};
