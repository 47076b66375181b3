-- Where a person's key lies when it is not in a registered phone: in SİMA, on a card.
create table trust.means (
    serial        bytea primary key references trust.certificate,
    kind          text not null check (kind in ('sima', 'card')),
    recorded_at   timestamptz not null
);
grant select, insert on trust.means to ${app};
create trigger kept before update or delete or truncate on trust.means
    for each statement execute function trust.refuse_change();
