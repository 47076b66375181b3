-- Why a certificate was issued: what asked for it and who approved it, on record before the
-- signature. The app user may not change them afterwards: no such right on these columns.
alter table trust.certificate
    add column request_sha256 bytea check (octet_length(request_sha256) = 32),
    add column approvals jsonb not null default '[]' check (jsonb_typeof(approvals) = 'array');

-- An operation that several people must approve: a ceremony, a mass revocation, a new profile.
-- A row says that it was used, and it is used once.
create table trust.operation (
    sha256        bytea primary key check (octet_length(sha256) = 32),  -- of the statement
    kind          text not null,
    statement     bytea not null,          -- the canonical JSON that was signed
    used_at       timestamptz not null
);
grant select, insert on trust.operation to ${app};
create trigger kept before update or delete or truncate on trust.operation
    for each statement execute function trust.refuse_change();

create table trust.approval (
    operation     bytea not null references trust.operation,
    approver      text not null,
    key_sha256    bytea not null check (octet_length(key_sha256) = 32),  -- of SubjectPublicKeyInfo
    signature     bytea not null,
    primary key (operation, approver)
);
grant select, insert on trust.approval to ${app};
create trigger kept before update or delete or truncate on trust.approval
    for each statement execute function trust.refuse_change();
