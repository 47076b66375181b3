-- Two records found to be one subject, and records that look alike.
-- docs/specs/registers.md, sections 12 and 13; decision 0040.

alter table registers.record_version drop constraint record_version_op_check;
alter table registers.record_version
    add constraint record_version_op_check check (
        op in ('create', 'amend', 'correct', 'annul', 'move', 'merge', 'unmerge')),
    -- The record that it was found to be the same as, at that time. Covered by the hash.
    add column merged_into bigint references registers.record (id),
    add constraint record_version_merged check (
        merged_into is null or (state = 'annulled' and merged_into <> record));
create index record_version_merged on registers.record_version (merged_into)
    where merged_into is not null;

-- Where look-ups lead now: the end of the way, when the survivor was merged itself.
alter table registers.record
    add column merged_into bigint references registers.record (id),
    add constraint record_merged check (
        merged_into is null or (state = 'annulled' and merged_into <> id));
create index record_merged on registers.record (id) include (merged_into)
    where merged_into is not null;
create index record_merged_into on registers.record (merged_into) where merged_into is not null;

-- What one clerk proposes and another decides.
create table registers.merge (
    id bigint generated always as identity primary key,
    register smallint not null references registers.register (id),
    -- The merge that this act takes back.
    undoes bigint references registers.merge (id),
    absorbed bigint not null references registers.record (id),
    survivor bigint not null references registers.record (id),
    -- What the clerk saw.
    absorbed_version integer not null,
    survivor_version integer not null,
    -- From when the absorbed record says what it says, should the merge be undone.
    absorbed_from date not null,
    actor text not null,
    client text not null,
    purpose text not null,
    basis text not null,
    case_number text,
    exchange text,
    reason text not null,
    at timestamptz not null,
    check (absorbed <> survivor)
);
create index merge_absorbed on registers.merge (absorbed);
create index merge_survivor on registers.merge (survivor);

create table registers.merge_decision (
    merge bigint primary key references registers.merge (id),
    outcome text not null check (outcome in ('done', 'refused')),
    actor text not null,
    client text not null,
    purpose text not null,
    basis text not null,
    case_number text,
    exchange text,
    reason text not null,
    at timestamptz not null
);

-- Pairs that look alike, found by the machine; it decides nothing.
create table registers.candidate (
    register smallint not null references registers.register (id),
    one bigint not null references registers.record (id),
    other bigint not null references registers.record (id),
    -- Of these versions.
    one_version integer not null,
    other_version integer not null,
    likeness integer not null check (likeness between 0 and 1000),
    grade text not null check (grade in ('same', 'look')),
    found_at timestamptz not null,
    primary key (one, other),
    check (one < other)
);
create index candidate_of_register on registers.candidate (register, likeness desc, one, other);
create index candidate_of_other on registers.candidate (other);

-- What a clerk said of a pair; the newest counts.
create table registers.candidate_decision (
    id bigint generated always as identity primary key,
    one bigint not null references registers.record (id),
    other bigint not null references registers.record (id),
    outcome text not null check (outcome in ('same', 'not-same')),
    actor text not null,
    client text not null,
    purpose text not null,
    basis text not null,
    case_number text,
    exchange text,
    reason text not null,
    at timestamptz not null,
    check (one < other)
);
create index candidate_decision_pair on registers.candidate_decision (one, other, id desc);

do $$
declare
    name text;
begin
    foreach name in array array['merge', 'merge_decision', 'candidate_decision'] loop
        execute format(
            'create trigger append_only before update or delete or truncate on registers.%I'
            ' for each statement execute function registers.refuse_change()', name);
    end loop;
end
$$;

grant select, insert on registers.merge, registers.merge_decision, registers.candidate_decision
    to ${app};
grant select, insert, update, delete on registers.candidate to ${app};
grant usage on all sequences in schema registers to ${app};
