-- Records moved to a newer form of their register, by an act. docs/specs/registers.md, section 9.

alter table registers.record_version drop constraint record_version_op_check;
alter table registers.record_version add constraint record_version_op_check
    check (op in ('create', 'amend', 'correct', 'annul', 'move'));

create table registers.move (
    register smallint not null references registers.register (id),
    -- Of the definition that the records are moved to.
    version integer not null,
    source jsonb not null,
    records bigint not null default 0,
    started_at timestamptz not null,
    -- Until then no service starts with this definition.
    finished_at timestamptz,
    primary key (register, version)
);

grant select, insert, update on registers.move to ${app};

-- jsonb forgets the order of keys, and rows of record_key know a key by its place.
-- Null: published before places were kept.
alter table registers.definition add column key_order text[];
