-- How far loads of files have come, so that one that was cut off goes on where it stopped.
-- docs/specs/registers.md, section 8.

create table registers.bulk_load (
    register smallint not null references registers.register (id),
    -- Of the file: with another content it is another load.
    sha256 bytea not null check (octet_length(sha256) = 32),
    source jsonb not null,
    records bigint not null default 0 check (records >= 0),
    started_at timestamptz not null,
    finished_at timestamptz,
    primary key (register, sha256)
);

grant select, insert, update on registers.bulk_load to ${app};

-- The keys of a file while it is checked; always rolled back, so unlogged and empty.
create unlogged table registers.bulk_wanted (
    register smallint not null,
    key smallint not null,
    value text not null,
    line bigint not null
);
create index bulk_wanted_value on registers.bulk_wanted (register, key, value, line);

grant select, insert on registers.bulk_wanted to ${app};
