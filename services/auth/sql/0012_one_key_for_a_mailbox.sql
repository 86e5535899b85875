-- An address's key is what a mail server is told, case-folded (auth_email_key): one for both
-- spellings of a domain of another script, bücher.example and xn--bcher-kva.example, and one
-- for a local part with and without needless quotes. Here for the rows that are there; of
-- those that mean one mailbox a confirmed one keeps it, else the oldest. The others keep their
-- text and lose the key, as with AUTH_ENUMERATION_SAFE: the mailbox is not theirs.

-- A label in small letters as A-label (RFC 3492).
create function label_to_ascii(label text) returns text language plpgsql as $$
declare
    points integer[] := array(select ascii(x.c)
                                from regexp_split_to_table(label, '') with ordinality as x (c, i)
                               order by x.i);
    digits constant text := 'abcdefghijklmnopqrstuvwxyz0123456789';
    basic text := regexp_replace(label, '[^\u0001-\u007f]', '', 'g');
    coded text := 'xn--' || basic || case when basic = '' then '' else '-' end;
    done integer := length(basic);
    n integer := 127;
    next integer;
    delta integer := 0;
    bias integer := 72;
    p integer;
    q integer;
    k integer;
    t integer;
begin
    if basic = label then
        return label;
    end if;
    while done < cardinality(points) loop
        next := (select min(x) from unnest(points) x where x > n);
        delta := delta + (next - n - 1) * (done + 1);
        n := next;
        foreach p in array points loop
            if p < n then
                delta := delta + 1;
            end if;
            continue when p <> n;
            q := delta;
            k := 36;
            loop
                t := least(greatest(k - bias, 1), 26);
                exit when q < t;
                coded := coded || substr(digits, t + (q - t) % (36 - t) + 1, 1);
                q := (q - t) / (36 - t);
                k := k + 36;
            end loop;
            coded := coded || substr(digits, q + 1, 1);
            delta := delta / case when done = length(basic) then 700 else 2 end;
            delta := delta + delta / (done + 1);
            k := 0;
            while delta > 455 loop
                delta := delta / 35;
                k := k + 36;
            end loop;
            bias := k + 36 * delta / (delta + 38);
            delta := 0;
            done := done + 1;
        end loop;
        delta := delta + 1;
    end loop;
    return coded;
end $$;

create function mailbox_key(email text) returns text language plpgsql as $$
declare
    local text := lower(regexp_replace(email, '@[^@]*$', ''));
    domain text := lower(normalize(substr(email, length(local) + 2), nfkc));
begin
    if local ~ '^".*"$' then
        local := regexp_replace(substr(local, 2, length(local) - 2), '\\(.)', '\1', 'g');
        if local !~ '^[-!#$%&''*+/=?^_`{}|~0-9a-z]+(\.[-!#$%&''*+/=?^_`{}|~0-9a-z]+)*$' then
            local := '"' || regexp_replace(local, '(["\\])', '\\\1', 'g') || '"';
        end if;
    end if;
    if domain ~ '^\[[0-9a-f:.]*:[0-9a-f:.]*\]$' then
        domain := '[ipv6:' || host(trim(both '[]' from domain)::inet) || ']';
    end if;
    return local || '@' ||
           (select string_agg(label_to_ascii(x.label), '.' order by x.i)
              from regexp_split_to_table(domain, '[.\u3002]') with ordinality as x (label, i));
end $$;

-- Most addresses are their own key already.
create table rekeyed as
    select id, mailbox_key(email) as key
      from users
     where email_key is not null and email ~ '[^\u0001-\u007f]|^"|:.*\]$';
insert into rekeyed
    select id, email_key
      from users
     where email_key in (select key from rekeyed)
       and id not in (select id from rekeyed);
update users u set email_key = null from rekeyed r where u.id = r.id;
update users u set email_key = best.key
  from (select distinct on (r.key) r.id, r.key
          from rekeyed r join users x on x.id = r.id
         order by r.key, x.is_verified desc, r.id) best
 where u.id = best.id;

drop table rekeyed;
drop function mailbox_key(text);
drop function label_to_ascii(text);
