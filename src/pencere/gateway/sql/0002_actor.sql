-- Who acts, and on whose behalf. docs/specs/evidence.md, "Log".
-- Rows of before have '' and no digest; their signed head, sealed beside them, still says it.

alter table gateway.request
    -- X-Road-Represented-Party as sent: class and code, or ''.
    add column represented text not null default '',
    -- Whether X-Road-UserId is the person of the data, another person, or no person.
    add column actor text not null default '' check (actor in ('', 'self', 'person', 'system')),
    -- Keyed like person_digest, so that an auditor who knows an officer finds their accesses.
    add column actor_digest bytea check (octet_length(actor_digest) = 32);

-- Accesses of people to their own data, the most, cost this index nothing.
create index request_by_actor on gateway.request (actor_digest, seq desc)
    where side = 'provider' and actor = 'person';
