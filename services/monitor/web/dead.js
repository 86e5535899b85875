// The desk for mails that were given up: by cause first, then one by one.
import {get, session} from './api.js';
import {actor, propose} from './act.js';
import {address, el, number, plural, table, templateName, time} from './dom.js';

export const tab = 'dead';
const chosen = new Set();
const search = query => ['state:dead', query.get('code') ? `code:${query.get('code')}` : '', query.get('status') ? `error:"${query.get('status').replaceAll('"', '')}"` : '',
  query.get('domain') ? `to:@${query.get('domain')}` : ''].filter(Boolean).join(' ');
export async function load({query, moved}) {
  if (moved) chosen.clear();
  const q = new URLSearchParams({state: 'dead', limit: 200});
  if (query.get('before')) q.set('before', query.get('before'));
  const filter = search(query).replace('state:dead', '').trim();
  if (filter) q.set('q', filter);
  return get(`api/mails?${q}`);
}
export const on = {mail: () => 'load', action: () => 'load'};

const domain = j => j.recipient.split('@').pop().toLowerCase().slice(0, 253);
const reason = j => (j.last_error ?? 'no answer was kept').replace(/<[^>]*>|\S+@\S+/g, '').slice(0, 120).trim();
// 5.1.1 of RFC 3463: the same code of a reply stands for many reasons.
const status = j => /\b[245]\.\d{1,3}\.\d{1,3}\b/.exec(j.last_error ?? '')?.[0] ?? null;
// What differs from mail to mail (ids, times) does not make another cause.
const same = text => text.toLowerCase().replace(/\b[0-9a-f-]*\d[0-9a-f-]{5,}\b/g, '#');
function causes(jobs) {
  const found = new Map();
  for (const j of jobs) {
    const text = reason(j), key = [j.last_code ?? '', domain(j), status(j) ?? '', same(text)].join(' ');
    const c = found.get(key) ?? {key, code: j.last_code, status: status(j), domain: domain(j), text, jobs: []};
    c.jobs.push(j);
    found.set(key, c);
  }
  return [...found.values()].sort((a, b) => b.jobs.length - a.jobs.length);
}
const both = (pick, word = '') => el('span', {class: 'tools end'},
  actor(`Retry${word}\u2026`, () => propose('mails.retry', pick(), {word: 'Retry'}).then(() => chosen.clear())),
  actor(`Revoke${word}\u2026`, () => propose('mails.revoke', pick(), {word: 'Revoke', danger: true}).then(() => chosen.clear()), {danger: true}));

export function draw({jobs, next, counts}, {query, redraw}) {
  const total = counts.dead ?? jobs.length, filtered = query.get('code') || query.get('status') || query.get('domain');
  const tick = j => el('label', {}, el('input', {type: 'checkbox', checked: chosen.has(j.job_id), 'aria-label': `Choose ${templateName(j.template)} to ${j.recipient}`,
    onchange: e => { e.target.checked ? chosen.add(j.job_id) : chosen.delete(j.job_id); redraw(); }}));
  return {title: 'Dead letters', body: [
    el('div', {class: 'head'}, el('h1', {}, total ? `${plural(total, 'mail')} given up` : 'No mail was given up'),
      filtered ? el('span', {class: 'dim'}, [[query.get('code'), query.get('status')].filter(Boolean).join(' '), query.get('domain')].filter(Boolean).join(' at '), ' \u00b7 ', el('a', {href: 'dead'}, 'show all')) : null,
      total ? el('div', {class: 'actions'}, both(() => chosen.size ? {ids: [...chosen]} : {q: search(query)}, chosen.size ? ` ${number(chosen.size)} chosen` : filtered ? ' these' : ' all')) : null),
    jobs.length && !filtered ? el('section', {class: 'panel flush'}, el('header', {}, el('h2', {}, 'By cause'), next ? el('span', {class: 'dim small'}, `of the newest ${number(jobs.length)}`) : null), table([
      {name: 'Answer', cell: c => el('a', {href: address('dead', '', {code: c.code, status: c.status, domain: c.domain})}, el('b', {}, c.code ?? 'none'), c.status ? ` ${c.status}` : '')}, {name: 'Said', class: 'cut', cell: c => c.text},
      {name: 'Domain', cell: c => c.domain}, {name: 'Mails', num: true, cell: c => number(c.jobs.length)}, {name: 'Newest', num: true, wide: true, cell: c => time(c.jobs[0].finished_at ?? c.jobs[0].created_at)},
      {name: '', num: true, wide: true, cell: c => both(() => ({ids: c.jobs.slice(0, 200).map(j => j.job_id)}))}], causes(jobs), {caption: 'Causes', keyOf: c => c.key})) : null,
    el('section', {class: 'panel flush'}, table([
      ...session.may_act ? [{name: '', class: 'check', cell: tick}] : [], {name: 'Mail', cell: j => el('a', {class: 'row-link', href: `tasks/${j.job_id}`}, templateName(j.template))},
      {name: 'To', class: 'cut', cell: j => el('span', {title: j.recipient}, j.recipient)}, {name: 'Last answer', wide: true, class: 'cut', cell: j => el('span', {title: j.last_error}, j.last_error ?? '\u2014')},
      {name: 'Attempts', num: true, wide: true, cell: j => number(j.attempt)}, {name: 'Queued', num: true, wide: true, cell: j => time(j.created_at)}, {name: 'Given up', num: true, cell: j => time(j.finished_at)}],
    jobs, {caption: 'Dead letters', keyOf: j => j.job_id, empty: filtered ? 'None of these is left.' : 'Every mail was sent or still has a try.'}),
    next || query.get('before') ? el('div', {class: 'foot'}, el('span', {class: 'grow'}), query.get('before') ? el('a', {href: address('dead', query, {before: null})}, '\u2039 newest') : null,
      next ? el('a', {href: address('dead', query, {before: next})}, 'older \u203a') : null) : null)]};
}
