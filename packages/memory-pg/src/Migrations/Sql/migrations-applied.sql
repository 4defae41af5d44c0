-- The hash by way of JSON: the first tables of records had none.
select m.id, to_jsonb(m)->>'sha256' as sha256 from crewline_migration m where m.component = $1 order by m.id
