// First what is wrong, then the five services, the flow, the mails of a day, what changed.
import {get} from './api.js';
import {address, el, facts, hhmm, mark, mib, number, pair, panel, percent, rate, duration, relative} from './dom.js';
import {histogram, histogramTable, spark} from './chart.js';
import {edgeTable, picture} from './flow.js';

function attention(list) {
  if (!list.length) return el('p', {class: 'quiet state'}, mark('up'), 'All is well.');
  return el('section', {class: 'panel flush', 'aria-label': 'What is wrong'}, list.map(a => el('div', {class: 'notice', 'data-key': `a-${a.kind}-${a.subject}`},
    mark(a.level), el('p', {}, el('b', {}, a.title), ' ', el('span', {class: 'dim'}, a.text)),
    el('a', {class: `button${a.kind === 'missed' ? ' main' : ''}`, href: a.page, title: a.since ? `since ${relative(a.since)}` : null}, a.label))));
}

const load = (s, key) => s.load?.[key] ?? null; // of those that live
const LINES = {
  gateway: s => [['p50 \u00b7 p99', pair(s.p50_us, s.p99_us)], ['errors', percent(s.errors_permille)]],
  auth: s => [['p50 \u00b7 p99', pair(s.p50_us, s.p99_us)], ['hash queue', number(load(s, 'hash_queue'))]],
  catalog: s => [['p50 \u00b7 p99', pair(s.p50_us, s.p99_us)], ['errors', percent(s.errors_permille)]],
  mailer: s => [['ready \u00b7 sending', `${number(load(s, 'ready'))} \u00b7 ${number(load(s, 'sending'))}`], ['oldest', load(s, 'ready') ? duration(load(s, 'oldest_s')) : '\u2014']],
  monitor: (s, now) => [['events kept', number(load(s, 'events') || load(s, 'spans'))], ['history', now.history?.state === 'ok' && now.history.since ? duration((Date.now() - Date.parse(now.history.since)) / 1000) : 'not kept']],
};

function card(s, now) {
  const lines = (LINES[s.name] ?? LINES.catalog)(s, now);
  const live = s.replicas.filter(r => r.status !== 'stopped');
  return el('section', {class: 'panel card', 'data-key': s.name, 'aria-label': s.name},
    el('header', {}, el('h2', {}, el('a', {href: `workers?service=${s.name}`}, s.name)), el('span', {class: 'pips'},
      s.replicas.map(r => el('a', {href: `workers/${encodeURIComponent(r.instance)}`, title: `${r.instance}: ${r.status}. ${r.evidence}`, 'aria-label': `${r.instance}, ${r.status}`}, mark(r.status))),
      s.replicas.length ? null : el('span', {class: 'state small'}, mark('unseen'), 'not seen'))),
    el('p', {class: 'figure'}, s.figure && live.length ? rate(s.figure.value) : '\u2014', el('small', {}, s.figure?.unit ?? 'req/s')),
    spark(s.spark ?? [], `${s.name}, ${s.figure?.unit ?? ''}`, {still: s.name === 'monitor'}),
    facts([...lines, ['memory', s.rss_kib ? mib(s.rss_kib) : '\u2014']]));
}

function mails(m, view) {
  const t = m.totals, end = new Date(Date.parse(m.start) + m.sent.length * m.step_s * 1000).toISOString();
  const link = (from, to) => address('tasks', '', {from, to});
  return el('section', {class: 'panel chartbox'},
    el('header', {}, el('h2', {}, 'Mails, 24 h'), el('span', {class: 'dim small'}, m.complete ? null : 'not known now: ', `${number(t.sent)} sent \u00b7 ${number(t.deferred)} retried \u00b7 `,
      t.dead === 0 ? '0 dead' : el('a', {href: 'dead'}, `${number(t.dead)} dead`), ' \u00b7 ', el('a', {href: view === 'table' ? './' : './?mails=table'}, view === 'table' ? 'chart' : 'table'))),
    !m.complete ? el('p', {class: 'quiet'}, 'The mailer has not told its counts.') : view === 'table' ? histogramTable(m, link) : histogram(m, {label: `Mails from ${m.start.slice(11, 16)} to ${end.slice(11, 16)} UTC`, choose: (from, to) => document.dispatchEvent(new CustomEvent('go', {detail: link(from, to)}))}));
}

const changes = list => panel('What changed', 'last 2 h', list.length
  ? el('ol', {class: 'changes'}, list.slice(0, 12).map(c => el('li', {'data-key': `c${c.id}`}, hhmm(c.at), c.text)))
  : el('p', {class: 'quiet'}, 'Nothing.'));

export const tab = 'overview';
const fetchAll = async () => ({...await get('api/overview'), readAt: Date.now()});
const KEEP_MS = 30000; // the mails of the day change slowly
export {fetchAll as load};
export const on = {
  overview: (state, now) => { Object.assign(state, now); return state.mails.complete && Date.now() - state.readAt < KEEP_MS ? 'draw' : 'slow'; },
  mail: () => 'slow', change: (state, c) => { if (!state.changes.some(o => o.id === c.id)) state.changes.unshift(c); return 'draw'; },
};
export function draw(now, {query}) {
  return {title: 'Overview', body: [
    el('h1', {class: 'sr'}, 'Overview'),
    attention(now.attention),
    el('div', {class: 'cards'}, now.services.map(s => card(s, now))),
    el('div', {class: 'two'},
      panel('Flow', 'last 10 s, from the services\u2019 own counters', picture(now.services, now.flow.edges), edgeTable(now.flow.edges, 'flow-list')),
      mails(now.mails, query.get('mails'))),
    changes(now.changes)]};
}
