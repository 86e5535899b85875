-- Whether a newer link made this mail's void while a mailer had it in hand. Those that wait are
-- ended by event_apply itself; whoever would put one back, or take one up again, asks this.
-- A registration is no newer link: it is an account's first.
create function job_is_replaced(j job) returns boolean
language sql stable
as $$
select j.secret_sealed is not null
       and exists (select
                     from job n
                     join inbox i on i.event_id = n.event_id and i.type <> 'user.registered'
                    where n.user_id = j.user_id and n.template = j.template
                      and n.event_created_at > j.event_created_at)
$$;
