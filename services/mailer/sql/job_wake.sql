-- The server is back: what only waited because nobody answered need not wait on.
update job
   set run_at = now()
 where finished_at is null and state = 'ready' and run_at > now() and last_code = 0
   and last_phase in ('connect', 'hello', 'auth', 'sender')
