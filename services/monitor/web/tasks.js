// All mails: a span, a state, words, a page of rows; everything in the address.
import {get, session} from './api.js';
import {actor, propose} from './act.js';
import {histogram, histogramTable} from './chart.js';
import {address, clock, el, mailState, number, plural, relative, table, templateName, time, WORDS} from './dom.js';

export const tab = 'tasks';
const STATES = ['ready', 'leased', 'retry', 'sent', 'dead', 'expired', 'suppressed', 'revoked'];
const ALWAYS = ['ready', 'leased', 'sent', 'dead'];
const LIMITS = [25, 50, 100, 200];
const dash = '\u2014';

const seconds = j => j.finished_at ? `${((Date.parse(j.finished_at) - Date.parse(j.created_at)) / 1000).toFixed(2)} s` : dash;
const mono = text => text ? el('span', {class: 'mono', title: text}, text.length > 12 ? `${text.slice(0, 8)}\u2026` : text) : dash;
const COLUMNS = [
  {key: 'state', name: 'State', cell: mailState},
  {key: 'mail', name: 'Mail', cell: j => el('a', {class: 'row-link', href: `tasks/${j.job_id}`}, templateName(j.template))},
  {key: 'to', name: 'To', class: 'cut', cell: j => el('span', {title: j.recipient}, j.recipient)},
  {key: 'queued', name: 'Queued', num: true, sort: 'created_at', cell: j => time(j.created_at)},
  {key: 'finished', name: 'Finished', num: true, wide: true, sort: 'finished_at', cell: j => time(j.finished_at)},
  {key: 'took', name: 'Took', num: true, wide: true, cell: seconds},
  {key: 'attempts', name: 'Attempts', num: true, wide: true, sort: 'attempt', cell: j => number(j.attempt)},
  {key: 'code', name: 'Code', num: true, wide: true, cell: j => j.last_code ?? dash},
  {key: 'answer', name: 'Last answer', wide: true, class: 'cut', cell: j => el('span', {title: j.last_error}, j.last_error ?? dash)},
  {key: 'worker', name: 'Worker', wide: true, cell: j => j.worker ? el('a', {href: `workers/${encodeURIComponent(j.worker)}`}, j.worker) : dash},
  {key: 'next', name: 'Next try', num: true, wide: true, cell: j => ['ready', 'leased'].includes(j.state) ? el('span', {title: j.run_at}, relative(j.run_at)) : dash},
  {key: 'user', name: 'User', num: true, wide: true, cell: j => j.user_id ?? dash},
  {key: 'request', name: 'Request', wide: true, cell: j => mono(j.request_id)},
  {key: 'job', name: 'Job', wide: true, cell: j => mono(j.job_id)},
  {key: 'event', name: 'Event', wide: true, cell: j => mono(j.event_id)},
];
const DEFAULT = ['state', 'mail', 'to', 'queued', 'took', 'attempts', 'worker', 'request'];

const chosen = new Set(); // job ids, across pages of one search
let chosenFor = '';
const filters = query => ['q', 'state', 'template', 'from', 'to'].map(k => `${k}=${query.get(k) ?? ''}`).join('&');

function request(query) {
  const q = new URLSearchParams();
  for (const k of ['q', 'template', 'from', 'to', 'sort', 'before', 'limit']) if (query.get(k)) q.set(k, query.get(k));
  const state = query.get('state');
  if (state === 'retry') q.set('q', `state:retry ${q.get('q') ?? ''}`.trim());
  else if (state) q.set('state', state);
  return `api/mails?${q}`;
}

const STEP_MS = 1000;
// The span of the histogram: the chosen one with as much around it, or the last day.
function around(query) {
  const to = query.get('to') ? Date.parse(query.get('to')) : Date.now(), from = query.get('from') ? Date.parse(query.get('from')) : to - 864e5;
  const more = query.get('from') ? Math.max((to - from) / 2, 36e5) : 0;
  const iso = t => new Date(Math.floor(t / STEP_MS) * STEP_MS).toISOString().replace('.000Z', 'Z');
  return [iso(from - more), iso(Math.min(Date.now(), to + more))];
}
async function history(query) {
  const [from, to] = around(query);
  const [sent, deferred, dead] = await Promise.all(['sent', 'deferred', 'dead'].map(m => get(`api/series?metric=${m}&from=${from}&to=${to}`)));
  const values = s => Array.from({length: sent.points}, (_, i) => s.series.reduce((n, one) => n + (one.values[i] ?? 0), 0));
  return {start: sent.start, step_s: sent.step_s, sent: values(sent), deferred: values(deferred), dead: values(dead)};
}

// While somebody reads the table (pointer or focus in it, rows chosen), known rows change in place
// and new ones wait.
const reading = () => document.querySelector('.rows:hover, .rows:focus-within') !== null || chosen.size > 0;

export async function load({query, old, moved}) {
  if (chosenFor !== filters(query)) { chosen.clear(); chosenFor = filters(query); }
  const [page, past] = await Promise.all([
    get(request(query)).catch(e => {
      if (e.status !== 400) throw e;
      return {jobs: [], next: null, counts: null, queue: old?.page.queue, problem: e};
    }),
    old && !moved && old.pastAt > Date.now() - 30000 ? old.past : history(query).catch(() => null)]);
  const pastAt = past === old?.past ? old.pastAt : Date.now();
  const told = old?.told;
  if (moved || !old || page.problem || !reading()) return {page, past, pastAt, told, fresh: 0};
  const known = new Map(page.jobs.map(j => [j.job_id, j]));
  const shown = old.page.jobs.map(j => known.get(j.job_id) ?? j), ids = new Set(shown.map(j => j.job_id));
  const fresh = page.jobs.filter(j => !ids.has(j.job_id)).length;
  return {page: {...page, jobs: shown, next: old.page.next}, past, pastAt, told, fresh};
}
export const on = {
  mail: () => 'load', action: () => 'load',
  // Mails that are only queued, and a queue that stops, send no hint: the figures tell.
  overview: (state, now) => {
    const load = now.services.find(s => s.name === 'mailer')?.load ?? {};
    const told = [load.ready, load.sending, now.counts.dead, now.attention.some(a => a.kind === 'queue')].join();
    const before = state.told;
    state.told = told;
    return told === before ? undefined : 'load';
  },
};

// Without counts (the search was not understood) the buttons say none.
function stateButtons(query, known) {
  const counts = known ?? {}, current = query.get('state') ?? '', total = known && Object.values(counts).reduce((a, b) => a + b, 0);
  const link = (value, word, n) => el('a', {href: address('tasks', query, {state: value, before: null}), 'aria-current': value === current ? 'true' : null}, word, n === null ? '' : ` ${number(n)}`);
  return el('div', {class: 'seg', role: 'group', 'aria-label': 'State'}, link('', 'All', total),
    STATES.filter(s => s === 'retry' ? (counts.retry ?? 0) > 0 || current === 'retry' : counts[s] || ALWAYS.includes(s) || s === current)
      .map(s => link(s, WORDS[s][0].toUpperCase() + WORDS[s].slice(1), counts[s] ?? (s === 'retry' || !known ? null : 0))));
}

function problem(e, query) {
  const q = query.get('q') ?? '', text = [e.details.q ?? e.message].flat().join(' ');
  return el('div', {class: 'problem', role: 'alert', id: 'q-problem', 'data-key': 'problem'}, el('p', {}, text),
    e.position === undefined ? null : el('code', {'aria-hidden': 'true'}, `${q}\n${' '.repeat([...new TextDecoder().decode(new TextEncoder().encode(q).slice(0, e.position))].length)}\u2191`));
}

function columnMenu(query, shown) {
  return el('details', {class: 'columns'}, el('summary', {class: 'button'}, 'Columns'),
    el('div', {}, el('fieldset', {}, el('legend', {}, 'Columns'), COLUMNS.map(c => el('label', {class: 'pick'},
      el('input', {type: 'checkbox', checked: shown.includes(c), disabled: c.key === 'mail', onchange: e => {
        const keys = COLUMNS.filter(o => o === c ? e.target.checked : shown.includes(o)).map(o => o.key);
        document.dispatchEvent(new CustomEvent('go', {detail: address('tasks', location.search, {cols: keys.join() === DEFAULT.join() ? null : keys.join()})}));
      }}), c.name)))));
}

function bulk(query, page, redraw) {
  const n = chosen.size, ids = [...chosen];
  const everything = query.get('q') || query.get('state') || query.get('template');
  const words = [query.get('q') ?? '', query.get('state') ? `state:${query.get('state')}` : '', query.get('template') ? `template:${query.get('template')}` : '',
    query.get('from') ? `created:>=${query.get('from')}` : '', query.get('to') ? `created:<${query.get('to')}` : ''].filter(Boolean);
  const q = words.map(w => words.length > 1 && / OR /.test(w) ? `(${w})` : w).join(' ');
  const done = r => { if (r) { chosen.clear(); redraw(); } };
  const go = (action, word, danger) => actor(`${word}\u2026`, () => propose(action, n ? {ids} : {q}, {word, danger}).then(done), {danger});
  if (!session.may_act || page.problem || !n && (!everything || !page.jobs.length)) return null;
  return el('div', {class: 'tools'}, el('span', {class: 'dim'}, n ? `${plural(n, 'mail')} chosen` : 'All that match:'),
    go('mails.retry', 'Retry'), go('mails.revoke', 'Revoke', true), n ? el('button', {type: 'button', onclick: () => { chosen.clear(); redraw(); }}, 'Choose none') : null);
}

export function draw({page, past, fresh}, ctx) {
  const {query, redraw, reload} = ctx, sort = query.get('sort') ?? '-created_at', span = query.get('from') || query.get('to');
  const keys = (query.get('cols') ?? '').split(',').filter(k => COLUMNS.some(c => c.key === k));
  const shown = COLUMNS.filter(c => (keys.length ? keys : DEFAULT).includes(c.key));
  const choose = (from, to) => document.dispatchEvent(new CustomEvent('go', {detail: address('tasks', query, {from, to, before: null})}));
  const tick = j => el('label', {}, el('input', {type: 'checkbox', checked: chosen.has(j.job_id), 'aria-label': `Choose ${templateName(j.template)} to ${j.recipient}`,
    onchange: e => { e.target.checked ? chosen.add(j.job_id) : chosen.delete(j.job_id); redraw(); }}));
  const all = page.jobs.length > 0 && page.jobs.every(j => chosen.has(j.job_id));
  const tickAll = el('label', {}, el('input', {type: 'checkbox', checked: all, 'aria-label': 'Choose all on this page',
    onchange: e => { for (const j of page.jobs) e.target.checked ? chosen.add(j.job_id) : chosen.delete(j.job_id); redraw(); }}));
  const head = c => c.key === 'tick' ? tickAll : !c.sort ? c.name
    : el('a', {href: address('tasks', query, {sort: sort === `-${c.sort}` ? c.sort : c.sort === 'created_at' ? null : `-${c.sort}`, before: null})}, c.name, sort.replace('-', '') === c.sort ? sort.startsWith('-') ? ' \u2193' : ' \u2191' : '');
  const counts = page.counts ?? {}, more = page.matching_more ? '+' : '', total = Object.values(counts).reduce((a, b) => a + b, 0), state = query.get('state');
  const matching = page.matching ?? (query.get('q') || query.get('template') || span ? null : state ? counts[state] ?? null : total);
  const view = query.get('mails') === 'table', paused = page.queue?.paused;
  return {title: 'Tasks', body: [
    el('h1', {class: 'sr'}, 'Tasks'),
    paused ? el('section', {class: 'panel flush', 'aria-label': 'The queue is paused'}, el('div', {class: 'notice'}, el('span', {class: 'mark attention', 'aria-hidden': 'true'}),
      el('p', {}, el('b', {}, 'The queue is paused. '), el('span', {class: 'dim'}, [page.queue.paused_by && `By ${page.queue.paused_by}:`, page.queue.paused_why ?? page.queue.why].filter(Boolean).join(' ') || 'No mail is sent until it is resumed.')), actor('Resume\u2026', () => propose('queue.resume', {}, {word: 'Resume'}), {main: true}))) : null,
    el('section', {class: 'panel flush', 'data-key': 'tasks'},
      past ? el('div', {class: 'span', 'data-key': 'span'}, view ? histogramTable(past, (from, to) => address('tasks', query, {from, to, before: null}))
        : histogram(past, {height: 56, gap: .24, choose, chosen: span ? [query.get('from') ?? past.start, query.get('to') ?? new Date().toISOString()] : null, label: 'Mails over time'}),
      el('p', {class: 'small dim'}, span ? el('a', {href: address('tasks', query, {from: null, to: null, before: null})}, `${clock(query.get('from') ?? past.start)} to ${query.get('to') ? clock(query.get('to')) : 'now'}: show all times`) : '',
        span ? ' \u00b7 ' : view ? '' : el('span', {class: 'wide'}, 'drag to choose a time span \u00b7 '), el('a', {href: address('tasks', query, {mails: view ? null : 'table'})}, view ? 'chart' : 'table'))) : null,
      el('div', {class: 'filters', 'data-key': 'filters'}, stateButtons(query, page.counts),
        el('form', {role: 'search', onsubmit: e => {
          e.preventDefault();
          document.dispatchEvent(new CustomEvent('go', {detail: address('tasks', location.search, {q: e.target.elements.q.value.trim(), before: null})}));
        }}, el('input', {type: 'search', name: 'q', value: query.get('q') ?? '', maxlength: 512, placeholder: 'to:@example.org -state:sent attempts:>1', 'aria-label': 'Search: words, to: state: worker: error: code: attempts: created: took:',
          'aria-invalid': page.problem ? 'true' : null, 'aria-describedby': page.problem ? 'q-problem' : null, spellcheck: 'false', autocomplete: 'off'})),
        columnMenu(query, shown),
        page.queue && !paused ? actor('Pause queue\u2026', () => propose('queue.pause', {}, {word: 'Pause the queue'})) : null),
      page.problem ? problem(page.problem, query) : null,
      bulkRow(bulk(query, page, redraw)),
      fresh ? el('button', {type: 'button', class: 'fresh', 'data-key': 'fresh', onclick: () => { document.activeElement.blur(); chosen.clear(); ctx.old = undefined; reload(); document.dispatchEvent(new CustomEvent('go', {detail: address('tasks', query)})); }}, `${number(fresh)} new`) : null,
      el('div', {class: 'rows', 'data-key': 'rows'}, table([...session.may_act ? [{key: 'tick', name: '', class: 'check', cell: tick}] : [], ...shown].map(c => ({...c, sorted: c.sort && sort.replace('-', '') === c.sort ? sort.startsWith('-') ? 'descending' : 'ascending' : null})), page.jobs,
        {caption: 'Mails', keyOf: j => j.job_id, head, empty: nothing(page, query)})),
      el('div', {class: 'foot', 'data-key': 'foot'}, el('span', {}, page.jobs.length ? `${number(page.jobs.length)} ${matching === null ? 'on this page' : `of ${number(matching)}${more}`}` : ''),
        el('span', {class: 'grow'}), el('label', {class: 'wide'}, 'Rows ', el('select', {'aria-label': 'Rows a page', onchange: e => document.dispatchEvent(new CustomEvent('go', {detail: address('tasks', location.search, {limit: e.target.value === '50' ? null : e.target.value, before: null})}))},
          LIMITS.map(n => el('option', {value: n, selected: n === Number(query.get('limit') ?? 50)}, n)))),
        query.get('before') ? el('a', {href: address('tasks', query, {before: null})}, '\u2039 newest') : null,
        query.get('before') && page.previous ? el('a', {href: address('tasks', query, {before: page.previous})}, '\u2039 newer') : null,
        page.next ? el('a', {href: address('tasks', query, {before: page.next})}, page.jobs.length >= Number(query.get('limit') ?? 50) ? 'older \u203a' : 'look further \u203a') : el('span', {}, page.jobs.length ? 'the end' : '')))]};
}
const bulkRow = content => content ? el('div', {class: 'filters bulk', 'data-key': 'bulk'}, content) : null;

// A search may end before it has seen the whole list: then nobody knows that there is nothing.
function nothing({problem: wrong, next, looked_at: looked}, query) {
  if (wrong) return 'The search was not understood.';
  if (!query.size) return 'No mail yet. Registering an account sends one.';
  if (!next) return query.get('before') ? 'No further mail matches.' : 'No mail matches.';
  const which = query.get('before') ? 'next' : (query.get('sort') ?? '-created_at') === '-created_at' ? 'newest' : 'first';
  return [`None of the ${which} ${number(looked)} mails matches. Those behind them were not looked at: `, el('a', {href: address('tasks', query, {before: next})}, 'look further')];
}
