-- $1 actor, $2 via, $3 client, $4 action, $5 subject, $6 reason, $7 outcome, $8 summary
insert into action (actor, via, client, action, subject, reason, outcome, summary)
values ($1, $2, $3, $4, $5, $6, $7, $8)
returning id
