-- Through JSON, because the first version of this table had no column for the hash.
select m.id, to_jsonb(m)->>'sha256' as sha256 from crewline_migration m where m.component = $1 order by m.id
