-- What a court asks for years later, and what left the database for the archive.
-- docs/specs/evidence-container.md, docs/specs/archive.md.

-- X-Road's number of a message is what a client asks evidence by.
create index request_by_message on gateway.request (message_id);

-- Every directory a node believed, since when: by it a request was allowed.
create table gateway.directory_version (
    version bigint primary key,
    jws text not null,
    accepted_at timestamptz not null
);

-- Certificates of nodes and all above them, of the time-stamping authority, of the directory.
create table gateway.certificate (
    sha256 bytea primary key check (octet_length(sha256) = 32),
    der bytea not null,
    recorded_at timestamptz not null
);

-- What their authority said of them then: OCSP responses as they came.
create table gateway.status (
    id bigint generated always as identity primary key,
    certificate bytea not null references gateway.certificate (sha256),
    answer bytea not null,
    this_update timestamptz not null,
    recorded_at timestamptz not null,
    unique (certificate, this_update)
);

-- The leaves of a batch whose exchanges lie in two months, kept before the first month goes.
create table gateway.batch_leaves (
    batch bigint primary key references gateway.batch (id),
    leaves bytea not null check (octet_length(leaves) % 32 = 0)
);

-- One row for each file that is stored and was read back; the manifest of a month after all its
-- files; when the month left the database.
create table gateway.archive_file (
    manifest bigint not null check (manifest > 0),
    number integer not null check (number > 0),
    name text not null,
    facts text not null,
    -- The last request it holds: where the next file goes on.
    last_seq bigint not null,
    recorded_at timestamptz not null,
    primary key (manifest, number)
);

create table gateway.archive_manifest (
    manifest bigint primary key check (manifest > 0),
    since timestamptz not null,
    until timestamptz not null unique check (until > since),
    name text not null,
    content bytea not null,
    recorded_at timestamptz not null
);

create table gateway.archive_drop (
    manifest bigint primary key references gateway.archive_manifest (manifest),
    dropped_at timestamptz not null
);

do $$
declare one text;
begin
    foreach one in array array['directory_version', 'certificate', 'status', 'batch_leaves',
                               'archive_file', 'archive_manifest', 'archive_drop']
    loop
        execute format(
            'create trigger only_added before update or delete or truncate on gateway.%I'
            ' for each statement execute function gateway.refuse_change()', one);
    end loop;
end
$$;

grant select, insert on gateway.directory_version, gateway.certificate, gateway.status to ${app};
-- The archive is the owner's work; a node reads what it says.
grant select on gateway.batch_leaves, gateway.archive_file, gateway.archive_manifest,
    gateway.archive_drop to ${app};
