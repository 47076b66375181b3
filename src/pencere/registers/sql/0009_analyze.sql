-- After many records at once the planner's figures are those of an empty table. Only the owner of
-- a table may have it counted (the right MAINTAIN begins with PostgreSQL 17), the loader is not.
-- docs/specs/registers.md, section 8.

create function registers.count_anew() returns void
language plpgsql security definer set search_path = pg_catalog as $$
begin
    analyze registers.record, registers.record_key, registers.record_version;
end
$$;

revoke all on function registers.count_anew() from public;
grant execute on function registers.count_anew() to ${app};
