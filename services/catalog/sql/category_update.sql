-- $1 id, $2 name, $3 description (null: as it is), $4 the version it must have (null:
-- any). No row: there is no such category, or it has another version.
update category
set name = coalesce($2::text, name),
    description = coalesce($3::text, description),
    version = version + 1
where id = $1::bigint and ($4::bigint is null or version = $4::bigint)
returning id, name, description, created_at
