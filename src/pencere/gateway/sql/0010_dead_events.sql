-- Who pushes an event now, so that a node which starts gives up what it had in work when it died;
-- dead events are counted and listed.
alter table gateway.event_inbox add column leased_by text;
create index event_inbox_leased on gateway.event_inbox (leased_by) where leased_by is not null;
create index event_inbox_dead on gateway.event_inbox (received_at) where state = 'dead';
