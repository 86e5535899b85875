// The picture of who talks to whom, drawn from the services' own counters, and the page Flow.
import {get} from './api.js';
import {chip, el, facts, mark, number, panel, percent, plural, rate, replicaState, svg, table, time, took, duration, kindOf} from './dom.js';
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
  if (s.name === 'mailer') return [`${number(s.load?.ready ?? 0)} ready`, false];
  return s.p99_us === null || s.p99_us === undefined ? ['no calls now', false] : [`p99 ${took(s.p99_us)}`, false];
};
const eventsNote = e => `${plural(e.gaps ?? 0, 'gap')}, ${number(e.pulls ?? 0)} pulled, ${number(e.lag ?? 0)} behind`;

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
  {name: 'Per second', num: true, cell: e => rate(e.rate)}, {name: 'p50', num: true, wide: true, cell: e => took(e.p50_us)},
  {name: 'p99', num: true, cell: e => took(e.p99_us)}, {name: 'Errors', num: true, cell: e => e.kind === 'events' ? '\u2014' : percent(e.errors_permille)},
  {name: 'Stream', wide: true, cell: e => e.kind === 'events' ? eventsNote(e) : '\u2014'}], edges, {caption: 'Connections'}));

// --- the page: streams, queues, endpoints, stores ---

const upDown = (s, why) => el('span', {class: 'state'}, mark(s === 'up' || s === true ? 'up' : 'down'), s === true ? 'connected' : s === false ? 'not connected' : s, why ? ` ${why}` : '');

function stream(s) {
  return panel('Event stream', 'auth\u2019s outbox and its order',
    s.error ? el('p', {}, chip('broken', 'not known'), ' ', s.error) : facts([['Head', number(s.head)], ['Waiting in the outbox', number(s.outbox)]], 'facts roomy'));
}
function queueActions(q) {
  return q.name !== 'mail' ? '' : q.paused
    ? actor('Resume', () => propose('queue.resume', {}, {word: 'Resume'}))
    : actor('Pause\u2026', () => propose('queue.pause', {}, {word: 'Pause'}));
}

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
      stream(flow.stream),
      panel('Who reads it', null, table([
        {name: 'Consumer', cell: c => c.name}, {name: 'Applied', num: true, cell: c => number(c.applied)},
        {name: 'Behind', num: true, cell: c => c.lag > 100 ? chip('attention', number(c.lag)) : number(c.lag)},
        {name: 'Gaps', num: true, cell: c => number(c.gaps)}, {name: 'Pulls', num: true, cell: c => number(c.pulls)},
        {name: 'Seen', num: true, wide: true, cell: c => time(c.seen_at)}], flow.consumers, {caption: 'Consumers of the event stream', empty: 'Nobody reads the stream yet.'}))),
    panel('Queues', null, table([
      {name: 'Queue', cell: q => q.paused ? el('span', {}, q.name, ' ', chip('attention', 'paused')) : q.name}, {name: 'Messages', num: true, cell: q => number(q.messages)},
      {name: 'Ready', num: true, cell: q => number(q.ready)}, {name: 'Unacked', num: true, cell: q => number(q.unacked)},
      {name: 'Consumers', num: true, wide: true, cell: q => number(q.consumers)}, {name: 'Oldest', num: true, cell: q => q.messages ? duration(q.oldest_s) : '\u2014'},
      {name: '', num: true, cell: queueActions}], flow.queues, {caption: 'Queues', empty: 'No queue is known.'})),
    el('div', {class: 'half'},
      panel('Endpoints', 'control sockets, CURVE', table([
        {name: 'Replica', cell: e => el('a', {href: `workers/${encodeURIComponent(e.instance)}`}, e.instance)},
        {name: 'Address', cell: e => el('span', {class: 'mono'}, e.control || '\u2014')}, {name: 'State', cell: e => replicaState(e.status)}], flow.endpoints, {caption: 'Endpoints'})),
      panel('Stores', null, facts([['Redis', upDown(flow.redis.state, flow.redis.why)],
        ...flow.postgres.map(p => [`Postgres of ${p.instance}`, el('span', {}, upDown(p.connected), ` \u00b7 ${plural(p.in_flight ?? 0, 'statement')} under way`)])], 'facts roomy')))]};
}
