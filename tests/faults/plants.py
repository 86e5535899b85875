"""Bugs to plant: each is one that such systems really had, and each must turn a storm red
(tests/faults/run plants). A plant is a list of (file, text that is there once, other text)."""

PLANTS = {
    # 201 is said before the database has committed.
    "ack_before_commit": [
        ("services/auth/handle_register.c",
         "static void on_id(",
         "static void on_too_late(void *arg, const struct db_result *r)\n"
         "{\n    (void)arg, (void)r;\n}\n\nstatic void on_id("),
        ("services/auth/handle_register.c",
         "             on_registered, g);",
         "             on_too_late, NULL);\n    (void)on_registered;\n"
         "    call_reply(g->call, 201, g->answer);"),
    ],
    # Rows are numbered by a cursor over ids; what commits behind it is never seen.
    "cursor_by_id": [
        ("lib/svc/sql/outbox_sequence.sql",
         "     where o.seq is null\n     order by o.id",
         "     where o.seq is null and o.id > (select coalesce(max(n.id), 0) from outbox n\n"
         "                                      where n.seq is not null)\n     order by o.id"),
    ],
    # A worker whose lease ran out writes down the end of a job that is another's by now.
    "unfenced_ack": [
        ("services/mailer/sql/job_finish.sql",
         "join e on e.job = j.job_id and e.token = j.lease_token\n     where j.state = 'leased'",
         "join e on e.job = j.job_id"),
    ],
    # A socket that takes one request at a time and waits for its answer for ever.
    "req_socket": [
        ("lib/svc/rpc_replica.c",
         "return rpc_replica_live(r) && ",
         "return rpc_replica_live(r) && r->locked == 0 && "),
        ("lib/svc/rpc_client_private.h",
         "    unsigned owed;\n",
         "    unsigned owed, locked;\n"),
        ("lib/svc/rpc_pending.c",
         "    r->owed++;\n    return true;",
         "    r->owed++;\n    r->locked++;\n    return true;"),
        ("lib/svc/rpc_pending.c",
         "    judge(r, &f);\n",
         "    judge(r, &f);\n    r->locked = 0;\n"),
    ],
    # A create that is not marked as safe to repeat is sent to a second replica.
    "retry_without_key": [
        ("services/gateway/forward.c",
         "    return http_header(rq->http, \"Idempotency-Key\").n > 0;",
         "    return true;"),
    ],
}
