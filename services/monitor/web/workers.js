// Every replica of every service, with Flower's columns and what Flower does not know:
// why we think so.
import {get} from './api.js';
import {strip} from './chart.js';
import {address, duration, el, kindOf, mib, number, percent, plural, rate, relative, replicaState, table, took, within} from './dom.js';

export const tab = 'workers';
const MAILS = {mailer: 'sent'};
export async function load({query, old, moved}) {
  const service = query.get('service'), metric = MAILS[service] ?? 'requests';
  const [found, times] = await Promise.all([get('api/replicas'),
    !service ? null : old?.times && !moved ? old.times : get(`api/histogram?metric=${metric}&by=instance&service=${encodeURIComponent(service)}`).catch(() => null)]);
  return {...found, times};
}

// The same buckets for every replica, so that the odd one stands out.
function latency({buckets_us: bounds, series}, query) {
  const used = series.flatMap(s => s.counts.map((c, i) => c ? i : -1)).filter(i => i >= 0);
  const from = Math.max(0, Math.min(...used) - 1), to = Math.min(bounds.length + 1, Math.max(...used) + 2); // the last one has no bound
  const asTable = query.get('as') === 'table', edge = i => i < bounds.length ? took(bounds[i]) : 'more';
  const bucket = i => i < bounds.length ? `to ${took(bounds[i])}` : within(Infinity);
  const flip = el('a', {href: address('workers', query, {as: asTable ? null : 'table'})}, asTable ? 'chart' : 'table');
  return el('section', {class: 'panel'}, el('header', {}, el('h2', {}, 'How long it took, last hour'), el('span', {class: 'dim small'}, used.length ? `${edge(from)} to ${edge(to - 1)} \u00b7 ` : '', flip)),
    !used.length ? el('p', {class: 'quiet'}, 'Nothing was measured in the last hour.') : table([
      {name: 'Worker', cell: s => el('a', {href: `workers/${encodeURIComponent(s.key)}`}, s.key)},
      ...asTable ? [...Array(to - from).keys()].map(i => ({name: bucket(from + i), num: true, cell: s => number(s.counts[from + i])}))
        : [{name: 'Slower to the right', wide: true, cell: s => strip(s.counts.slice(from, to), `How long ${s.key} took`, `p50 ${within(s.p50_us)}, p99 ${within(s.p99_us)}.`)}],
      {name: 'p50', num: true, cell: s => within(s.p50_us)}, {name: 'p99', num: true, cell: s => within(s.p99_us)}, {name: 'Count', num: true, cell: s => number(s.count)}], series, {caption: 'Latency by replica', keyOf: s => s.key}));
}
export const on = {
  overview: (state, now) => {
    state.replicas = now.services.flatMap(s => s.replicas);
    state.services = now.services.map(s => ({name: s.name, expected: s.expected, count: s.replicas.length}));
    return 'draw';
  },
};

const sum = (list, key) => list.reduce((n, r) => n + (r[key] ?? 0), 0);
const byName = key => (a, b) => String(a[key] ?? '').localeCompare(String(b[key] ?? ''), 'en', {numeric: true});
const byNumber = key => (a, b) => (a[key] ?? -1) - (b[key] ?? -1);
const PROBLEM = ['broken', 'attention'];

const COLUMNS = [
  {key: 'instance', name: 'Worker', order: byName('instance'), cell: r => el('a', {class: 'row-link', href: `workers/${encodeURIComponent(r.instance)}`}, el('b', {}, r.instance)), foot: l => plural(l.length, 'replica')},
  {key: 'status', name: 'Status', order: byName('status'), cell: r => el('span', {title: r.evidence}, replicaState(r.status)), foot: l => `${l.filter(r => r.status === 'up').length} up`},
  {key: 'active', name: 'Active', num: true, foot: l => number(sum(l, 'active'))},
  {key: 'processed', name: 'Processed', num: true, foot: l => number(sum(l, 'processed'))},
  {key: 'failed', name: 'Failed', num: true, wide: true, foot: l => number(sum(l, 'failed'))},
  {key: 'succeeded', name: 'Succeeded', num: true, wide: true, foot: l => number(sum(l, 'succeeded'))},
  {key: 'retried', name: 'Retried', num: true, wide: true, foot: l => number(sum(l, 'retried'))},
  {key: 'rate', name: 'Per second', num: true, wide: true, cell: r => rate(r.rate), foot: l => rate(sum(l, 'rate'))},
  {key: 'p99_us', name: 'p99', num: true, wide: true, cell: r => within(r.p99_us), foot: () => ''},
  {key: 'loadavg', name: 'Load average', num: true, wide: true, order: (a, b) => (a.loadavg?.[0] ?? -1) - (b.loadavg?.[0] ?? -1), cell: r => r.loadavg ? r.loadavg.map(n => n.toFixed(2)).join(', ') : '\u2014', foot: () => ''},
  {key: 'cpu_permille', name: 'CPU', num: true, wide: true, cell: r => percent(r.cpu_permille), foot: l => percent(sum(l, 'cpu_permille'))},
  {key: 'rss_kib', name: 'Memory', num: true, wide: true, cell: r => mib(r.rss_kib), foot: l => mib(sum(l, 'rss_kib'))},
  {key: 'uptime_s', name: 'Up for', num: true, wide: true, cell: r => kindOf(r.status) === 'broken' || r.status === 'stopped' ? '\u2014' : duration(r.uptime_s), foot: () => ''},
  {key: 'version', name: 'Version', wide: true, order: byName('version'), cell: r => r.version, foot: l => plural(new Set(l.map(r => r.version)).size, 'version')},
].map(c => ({cell: r => number(r[c.key]), order: byNumber(c.key), ...c}));

export function draw({replicas, services, times}, {query}) {
  const service = query.get('service') ?? '', sort = query.get('sort') ?? '';
  const list = replicas.filter(r => !service || r.service === service);
  const column = COLUMNS.find(c => c.key === sort.replace(/^-/, ''));
  if (column) list.sort((a, b) => column.order(a, b) * (sort.startsWith('-') ? -1 : 1));
  const bad = list.filter(r => PROBLEM.includes(kindOf(r.status)));
  const unseen = services.filter(s => s.count === 0 && s.expected && (!service || s.name === service));
  const head = c => el('a', {href: address('workers', query, {sort: sort === c.key ? `-${c.key}` : c.key})}, c.name, sort.replace(/^-/, '') === c.key ? sort.startsWith('-') ? ' \u2193' : ' \u2191' : '');
  return {title: 'Workers', body: [
    el('h1', {class: 'sr'}, 'Workers'),
    bad.length || unseen.length ? el('section', {class: 'panel flush', 'aria-label': 'What is wrong'},
      unseen.map(s => el('div', {class: 'notice', 'data-key': s.name}, el('span', {class: 'mark broken', 'aria-hidden': 'true'}), el('p', {}, el('b', {}, `${s.name} was never seen. `), el('span', {class: 'dim'}, 'No beat of it has arrived since this monitor started.')))),
      bad.map(r => el('div', {class: 'notice', 'data-key': r.instance}, el('span', {class: `mark ${kindOf(r.status)}`, 'aria-hidden': 'true'}),
        el('p', {}, el('b', {}, `${r.instance} is ${r.status}. `), el('span', {class: 'dim'}, r.evidence)),
        el('a', {class: 'button', href: `workers/${encodeURIComponent(r.instance)}`, title: r.since ? relative(r.since) : null}, 'Evidence')))) : null,
    el('section', {class: 'panel flush'},
      el('div', {class: 'filters'}, el('div', {class: 'seg', role: 'group', 'aria-label': 'Service'},
        ['', ...services.map(s => s.name)].map(name => el('a', {href: address('workers', query, {service: name}), 'aria-current': name === service ? 'true' : null},
          name || 'All', ` ${number(name ? services.find(s => s.name === name).count : replicas.length)}`)))),
      table(COLUMNS.map(c => ({...c, sorted: sort === c.key ? 'ascending' : sort === `-${c.key}` ? 'descending' : null})), list, {
        caption: 'Workers', keyOf: r => r.instance, head, empty: 'No replica of this service has been seen.',
        foot: list.length ? el('tr', {}, COLUMNS.map(c => el('td', {class: [c.num ? 'num' : '', c.wide ? 'wide' : ''].join(' ').trim() || null}, c.foot(list)))) : null})),
    times?.series?.length ? latency(times, query) : null]};
}
