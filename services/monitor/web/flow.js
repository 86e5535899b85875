// The picture of who talks to whom, drawn from the services' own counters, and the page Flow.
import {get, session} from './api.js';
import {chip, el, facts, mark, number, panel, percent, plural, rate, relative, replicaState, svg, table, time, within, duration, kindOf} from './dom.js';
import {actor, propose} from './act.js';

const BOX = {w: 98, h: 49};
const PLACES = {clients: [62, 86], gateway: [200, 86], auth: [395, 34], catalog: [395, 138], mailer: [600, 34], smtp: [716, 34]};
// Where each line runs and where its figure stands: path, x, y.
const PIPES = {
  'clients>gateway': ['M94 86H151', 122, 75], 'gateway>auth': ['M249 73C300 73 296 34 346 34', 286, 42],
  'gateway>catalog': ['M249 99C300 99 296 138 346 138', 298, 150], 'auth>mailer': ['M444 34H551', 498, 25],
  'auth>catalog': ['M395 59V113', 430, 90], 'mailer>smtp': ['M649 34H700', 674, 25],
};
const WIDTH = r => r > 0 ? Math.min(9, Math.max(1.5, 1.2 + Math.log10(1 + r) * 1.5)) : 1.5;

export const serviceNote = s => {
  const bad = s.replicas.filter(r => kindOf(r.status) === 'broken').length;
  if (!s.replicas.length) return ['not seen', true];
  if (bad) return [bad === s.replicas.length && bad === 1 ? s.replicas[0].status : `${bad} ${s.replicas.find(r => kindOf(r.status) === 'broken').status}`, true];
  if (s.name === 'mailer') return [`${number(s.load?.ready)} ready`, false];
  return s.p99_us === null || s.p99_us === undefined ? ['no calls now', false] : [`p99 ${within(s.p99_us)}`, false];
};
const eventsNote = e => (e.lag ?? null) === null ? 'nobody told' : `${plural(e.gaps, 'gap')}, ${number(e.pulls)} pulled, ${number(e.lag)} behind`;

function box(s) {
  const [x, y] = PLACES[s.name], [note, bad] = serviceNote(s);
  return svg('a', {href: `workers?service=${s.name}`},
    svg('rect', {class: 'box', x: x - BOX.w / 2, y: y - BOX.h / 2, width: BOX.w, height: BOX.h, rx: 7}),
    svg('text', {class: 'strong', x, y: y - 3, 'text-anchor': 'middle'}, `${s.name} \u00d7${s.replicas.filter(r => r.status !== 'stopped').length}`),
    svg('text', {class: bad ? 'bad' : 'soft', x, y: y + 13, 'text-anchor': 'middle'}, note));
}

function pipe(e) {
  const found = PIPES[`${e.from}>${e.to}`];
  if (!found) return null;
  const [d, x, y] = found, down = e.to === 'catalog' && e.kind === 'events';
  const failing = (e.errors_permille ?? 0) >= 50;
  return svg('a', {href: e.kind === 'smtp' ? 'tasks' : e.kind === 'events' ? 'flow' : `workers?service=${e.to}`, 'aria-label': `${e.from} to ${e.to}`}, svg('path', {class: 'reach', d}), svg('path', {class: `pipe ${e.kind}${failing ? ' failing' : ''}`, d, 'stroke-width': e.kind === 'events' ? 2.5 : WIDTH(e.rate)}),
    svg('text', {class: down ? 'soft' : 'strong', x, y, 'text-anchor': 'middle'}, `${down ? 'users, ' : ''}${rate(e.rate)}/s`),
    e.kind === 'events' && !down ? svg('text', {class: (e.lag ?? 0) > 100 ? 'bad' : 'soft', x: 506, y: 68, 'text-anchor': 'middle'}, eventsNote(e)) : null);
}

export function picture(services, edges) {
  const said = edges.map(e => `${e.from} to ${e.to}: ${rate(e.rate)} a second.`).join(' ');
  return svg('svg', {class: 'flow', viewBox: '0 0 760 172', role: 'group', 'aria-label': `Flow between the services. ${said}`},
    edges.map(pipe), services.filter(s => PLACES[s.name]).map(box),
    svg('text', {class: 'soft', x: 74, y: 90, 'text-anchor': 'end'}, 'clients'), svg('text', {class: 'soft', x: 708, y: 38}, 'SMTP'));
}

export const edgeTable = (edges, extra) => el('div', {class: extra}, table([
  {name: 'From', cell: e => e.from}, {name: 'To', cell: e => e.to}, {name: 'Carries', wide: true, cell: e => ({http: 'HTTP', rpc: 'calls', events: 'events', smtp: 'mail'})[e.kind] ?? e.kind},
  {name: 'Per second', num: true, cell: e => rate(e.rate)}, {name: 'p50', num: true, wide: true, cell: e => within(e.p50_us)},
  {name: 'p99', num: true, cell: e => within(e.p99_us)}, {name: 'Errors', num: true, cell: e => e.kind === 'events' ? '\u2014' : percent(e.errors_permille)},
  {name: 'Stream', wide: true, cell: e => e.kind === 'events' ? eventsNote(e) : '\u2014'}], edges, {caption: 'Connections'}));

// --- the page: streams, queues, endpoints, stores ---

const LATE_S = 5, SAYS_MS = 15 * 60 * 1000; // the outbox empties at once; readers pull every 10 minutes
const upDown = (s, why) => el('span', {class: 'state'}, mark(s === 'up' || s === true ? 'up' : 'down'), s === true ? 'connected' : s === false ? 'not connected' : s, why ? ` ${why}` : '');

const postgres = p => p.live === false
  ? el('span', {class: 'state dim', title: p.seen_at}, mark('stopped'), `last seen ${p.connected ? '' : 'not '}connected, ${relative(p.seen_at)}`)
  : el('span', {}, upDown(p.connected), ` \u00b7 ${plural(p.in_flight ?? 0, 'statement')} under way`);

function stream(s, readers) {
  return panel('Event stream', 'as auth knows it',
    s.error ? el('p', {}, chip('attention', 'from beats'), ' ', s.error) : null,
    facts([['Head', number(s.head)], ['Epoch', s.epoch ? el('span', {class: 'mono'}, s.epoch) : null], ['Waiting in the outbox', number(s.outbox)],
      ['The oldest of them', s.oldest_s === null ? null : s.outbox ? s.oldest_s >= LATE_S ? chip('attention', duration(s.oldest_s)) : duration(s.oldest_s) : '\u2014']], 'facts roomy'),
    readers ? table([
      {name: 'Reader', cell: r => r.name}, {name: 'Kept for good', num: true, cell: r => number(r.acked)},
      {name: 'Not yet', num: true, cell: r => el('span', {title: 'Events that retention spares for it; each reader says how far it is some seconds after it has moved'}, number(r.lag))},
      {name: 'Last said', num: true, cell: r => Date.now() - Date.parse(r.seen_at) > SAYS_MS ? chip('attention', relative(r.seen_at)) : el('time', {datetime: r.seen_at, title: r.seen_at}, relative(r.seen_at))}],
    readers, {caption: 'What each service told auth', keyOf: r => r.name, empty: 'Nobody has pulled events yet.'}) : null);
}
const each = q => `${q.connections ?? q.connections_default ?? '\u2014'} each`;
const settings = q => actor('Settings\u2026', () => propose('queue.settings', {}, {word: 'Change', fields: [
  {name: 'per_minute', label: 'Mails a minute over all mailers; empty: no limit', type: 'number', min: 1, max: 100000, value: q.per_minute, required: false},
  {name: 'connections', label: `SMTP connections of each mailer; empty: as configured${q.connections_default ? `, ${q.connections_default}` : ''}`, type: 'number', min: 1, max: 64, value: q.connections, required: false}]}));
const queueActions = q => !q || !session.may_act ? null : el('div', {class: 'tools'}, settings(q), q.paused
  ? actor('Resume\u2026', () => propose('queue.resume', {}, {word: 'Resume'}))
  : actor('Pause\u2026', () => propose('queue.pause', {}, {word: 'Pause'})));

export const tab = 'flow';
export async function load() {
  const [flow, overview] = await Promise.all([get('api/flow'), get('api/overview')]);
  return {flow, services: overview.services};
}
export const on = {
  overview: (state, now) => { state.services = now.services; state.flow.edges = now.flow.edges; return 'slow'; },
  change: () => 'load', action: () => 'load',
};
export function draw({flow, services}) {
  return {title: 'Flow', body: [
    el('h1', {class: 'sr'}, 'Flow'),
    panel('Flow', 'last 10 s, from the services\u2019 own counters', picture(services, flow.edges), edgeTable(flow.edges)),
    el('div', {class: 'half'},
      stream(flow.stream, flow.readers),
      panel('Who reads it', 'each replica\u2019s own word', table([
        {name: 'Consumer', cell: c => c.name}, {name: 'Applied', num: true, cell: c => number(c.applied)},
        {name: 'Behind', num: true, cell: c => c.lag > 100 ? chip('attention', number(c.lag)) : number(c.lag)},
        {name: 'Gaps', num: true, cell: c => number(c.gaps)}, {name: 'Pulls', num: true, cell: c => number(c.pulls)},
        {name: 'Seen', num: true, wide: true, cell: c => time(c.seen_at)}], flow.consumers, {caption: 'Consumers of the event stream', empty: 'Nobody reads the stream yet.'}))),
    el('section', {class: 'panel'}, el('header', {}, el('h2', {}, 'Queues'), queueActions(flow.queues.find(q => q.name === 'mail'))), table([
      {name: 'Queue', cell: q => q.paused ? el('span', {}, q.name, ' ', chip('attention', 'paused')) : q.name}, {name: 'Messages', num: true, cell: q => number(q.messages)},
      {name: 'Ready', num: true, cell: q => number(q.ready)}, {name: 'Unacked', num: true, cell: q => number(q.unacked)},
      {name: 'Consumers', num: true, wide: true, cell: q => number(q.consumers)}, {name: 'Oldest', num: true, cell: q => q.messages ? duration(q.oldest_s) : '\u2014'},
      {name: 'Mails a minute', num: true, wide: true, cell: q => q.per_minute === null ? 'no limit' : number(q.per_minute)}, {name: 'Connections', num: true, wide: true, cell: each},
], flow.queues, {caption: 'Queues', keyOf: q => q.name, empty: 'No queue is known.'})),
    el('div', {class: 'half'},
      panel('Endpoints', 'control sockets, CURVE', table([
        {name: 'Replica', cell: e => el('a', {href: `workers/${encodeURIComponent(e.instance)}`}, e.instance)},
        {name: 'Address', cell: e => el('span', {class: 'mono'}, e.control || '\u2014')}, {name: 'State', cell: e => replicaState(e.status)}], flow.endpoints, {caption: 'Endpoints'})),
      panel('Stores', null, facts([['Redis', upDown(flow.redis.state, flow.redis.why)],
        ...flow.postgres.map(p => [`Postgres of ${p.instance}`, postgres(p)])], 'facts roomy')))]};
}
