-- Consent, and accesses kept from the person by law for a time. docs/specs/usage.md, consent.md.

-- Of a provider's row: until when the access is kept from the person, by which order (sealed).
alter table gateway.request
    add column hidden_until timestamptz,
    add column hidden_reason_sealed bytea,
    add constraint hidden_with_reason
        check ((hidden_until is null) = (hidden_reason_sealed is null));

-- The number of the consent on which the answer rests, or ''.
alter table gateway.response add column consent text not null default '';

create index request_hidden on gateway.request (provider, recorded_at desc)
    where hidden_until is not null;

-- The body that hid an access says anew until when; the last word counts.
create table gateway.disclosure (
    seq bigint generated always as identity primary key,
    exchange uuid not null,
    until timestamptz not null,
    reason_sealed bytea not null,
    client text not null,
    recorded_at timestamptz not null
);
create index disclosure_by_exchange on gateway.disclosure (exchange, seq desc);

create trigger only_added before update or delete or truncate on gateway.disclosure
    for each statement execute function gateway.refuse_change();
grant select, insert on gateway.disclosure to ${app};
