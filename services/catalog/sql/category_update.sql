-- $1 id, $2 name, $3 description (null: as it is). No row: there is no such category.
update category
set name = coalesce($2::text, name),
    description = coalesce($3::text, description),
    version = version + 1
where id = $1::bigint
returning id, name, description, created_at
