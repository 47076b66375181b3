-- A system whose events are not taken holds up nobody else's; an event that never can be handed
-- over is set aside. docs/specs/registers.md, section 7.

alter table registers.event_outbox
    -- Events of one record are handed over in the order of their ids.
    add column record bigint,
    add column state text not null default 'waiting'
        check (state in ('waiting', 'dead', 'withdrawn')),
    add column attempts integer not null default 0,
    -- From when its time counts: written, first refused, or sent again.
    add column since timestamptz,
    add column next_at timestamptz,
    -- The node's last refusal, or why it was withdrawn. Never anything of a person.
    add column reason text not null default '',
    add column ended_at timestamptz;

update registers.event_outbox
    set record = split_part(key, '/', 3)::bigint, since = at, next_at = at;

alter table registers.event_outbox
    alter column record set not null,
    alter column since set not null,
    alter column next_at set not null,
    add check ((state = 'waiting') = (ended_at is null));

create index event_outbox_turn on registers.event_outbox (system, next_at, id)
    where state = 'waiting';
create index event_outbox_record on registers.event_outbox (record, id) where state <> 'withdrawn';
create index event_outbox_dead on registers.event_outbox (id) where state = 'dead';

-- Of each system that ever had an event: whether the node takes its events at all.
create table registers.event_way (
    system text primary key,
    closed_since timestamptz,
    failures integer not null default 0,
    next_at timestamptz,
    reason text not null default '',
    check ((closed_since is null) = (failures = 0)),
    check ((closed_since is null) = (next_at is null))
);

insert into registers.event_way (system) select distinct system from registers.event_outbox;

grant select, insert, update, delete on registers.event_outbox to ${app};
grant select, insert, update on registers.event_way to ${app};
