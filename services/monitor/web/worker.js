// One replica: why we think what we think, its pool, queues, limits, settings, system, counters.
import {get} from './api.js';
import {actor, propose} from './act.js';
import {lines, linesTable} from './chart.js';
import {chip, clock, duration, el, facts, hhmm, kindOf, mib, number, pair, panel, percent, rate, relative, replicaState, table, tabs, time, took, within} from './dom.js';

export const tab = 'workers';
const TABS = [['pool', 'Pool'], ['queues', 'Queues'], ['limits', 'Limits'], ['configuration', 'Configuration'], ['system', 'System'], ['counters', 'Counters'], ['history', 'History']];

async function charts(instance) {
  const series = m => get(`api/series?metric=${m}&instance=${encodeURIComponent(instance)}`).catch(() => null);
  const [requests, rss] = await Promise.all([series('requests'), series('rss_kib')]);
  return {requests, rss};
}
export async function load({id, query}) {
  const name = encodeURIComponent(id);
  const [found, history] = await Promise.all([get(`api/replicas/${name}`), query.get('tab') === 'history' ? charts(id) : null]);
  return {...found, history};
}
export const on = {
  overview: (state, now, {id}) => {
    const r = now.services.flatMap(s => s.replicas).find(o => o.instance === id);
    if (r) state.replica = r;
    return 'slow';
  },
  change: (state, c, {id}) => c.subject === id ? 'load' : undefined,
};

const missing = (state, what) => el('p', {class: 'quiet'}, state.described_error
  ? `It does not answer, so its ${what} cannot be shown. ${state.described_error}` : `It tells nothing of its ${what}.`);

function poolButtons(r) {
  if (r.service !== 'mailer') return null;
  const size = r.load?.connections;
  const set = (word, value) => actor(word, () => propose('replica.pool', {instance: r.instance}, {word: 'Set the pool',
    fields: [{name: 'size', label: 'SMTP connections (1 to 64)', type: 'number', min: 1, max: 64, value}]}));
  return el('div', {class: 'tools'}, set('Grow\u2026', size ? Math.min(64, size + 1) : null), set('Shrink\u2026', size ? Math.max(1, size - 1) : null));
}

// A mailer tells of its SMTP connections with every beat, so they are known and live even when it does not answer.
const poolsOf = (r, d) => [...r.load?.connections ? [{name: 'SMTP connections', busy: r.load.busy ?? 0, size: r.load.connections}] : [], ...d?.pools ?? []];

// A call's status is HTTP's, or Quintet's number of an error, which has both a status and a code.
export const outcome = x => x.code ? `${x.http_status} ${x.code}` : String(x.http_status ?? x.status);

const VIEWS = {
  pool: ({replica: r, described: d, ...s}, _, pools = poolsOf(r, d)) => [
    pools.length ? el('section', {class: 'panel'}, el('header', {}, el('h2', {}, 'Pools'), poolButtons(r)), table([
      {name: 'Pool', cell: p => p.name}, {name: 'Busy', num: true, cell: p => number(p.busy)}, {name: 'Size', num: true, cell: p => number(p.size)},
      {name: 'In use', num: true, cell: p => p.size ? `${Math.round(p.busy / p.size * 100)} %` : '\u2014'}], pools, {caption: 'Pools', keyOf: p => p.name}))
      : el('section', {class: 'panel'}, el('header', {}, el('h2', {}, 'Pools'), poolButtons(r)), missing(s, 'pools')),
    panel('Now', null, facts([['Requests a second', rate(r.rate)], ['p50 \u00b7 p99', pair(r.p50_us, r.p99_us)], ['Errors', percent(r.errors_permille)],
      ['Memory', mib(r.rss_kib)], ['CPU', percent(r.cpu_permille)]], 'facts roomy'))],
  queues: ({replica: r, described: d, ...s}) => [
    panel('Load', 'from its last beat', Object.keys(r.load ?? {}).length ? facts(Object.entries(r.load).map(([k, v]) => [k.replaceAll('_', ' '), typeof v === 'number' ? number(v) : String(v)]), 'facts roomy') : missing(s, 'load')),
    panel('Endpoints', null, d?.endpoints?.length ? table([{name: 'Name', cell: e => e.name}, {name: 'Address', cell: e => el('span', {class: 'mono'}, e.address)}], d.endpoints, {caption: 'Endpoints'}) : missing(s, 'endpoints'))],
  limits: ({described: d, ...s}) => {
    const list = (d?.options ?? []).filter(o => /limit|max|timeout|rate|connections|lease|attempts|size|_age|streams|idle/i.test(o.name));
    return [panel('Limits', 'settings that bound what it does', d ? options(list) : missing(s, 'limits'))];
  },
  configuration: ({described: d, ...s}) => [panel('Configuration', 'as it runs; secrets are never told', d ? options(d.options) : missing(s, 'settings'))],
  system: ({described: d, replica: r, boot_id: boot, ...s}) => {
    if (!d) return [panel('System', null, missing(s, 'system'))];
    const y = d.system;
    return [panel('System', null, facts([['Host', y.host], ['Kernel', `${y.kernel} ${y.machine}`], ['Processors', number(y.cpus)], ['Process', `${y.pid}, user ${y.uid}`],
      ['Started', el('span', {}, time(d.started_at), ` ${d.started_at ? relative(d.started_at) : ''}`)], ['Boot', el('span', {class: 'mono'}, boot ?? '\u2014')], ['Version', d.version]], 'facts')),
    panel('Resources', null, facts([['Memory', `${mib(y.rss_kib)}, at most ${mib(y.peak_rss_kib)}`], ['CPU time', `${took(y.cpu_user_us)} user, ${took(y.cpu_system_us)} system`], ['Threads', number(y.threads)],
      ['Open files', number(y.open_fds)], ['Page faults', `${number(y.minor_faults)} minor, ${number(y.major_faults)} major`], ['Context switches', `${number(y.voluntary_switches)} voluntary, ${number(y.involuntary_switches)} forced`],
      ['Restarts seen', number(r.restarts)], ['Log levels', el('span', {class: 'mono'}, d.log_levels)]], 'facts'))];
  },
  counters: ({described: d, ...s}) => [
    panel('Methods', null, d?.methods?.length ? table([{name: 'Method', cell: m => el('span', {class: 'mono'}, m.name)}, {name: 'Requests', num: true, cell: m => number(m.requests)},
      {name: 'Errors', num: true, cell: m => number(m.errors)}, {name: 'p50', num: true, wide: true, cell: m => within(m.p50_us)}, {name: 'p99', num: true, cell: m => within(m.p99_us)}], d.methods, {caption: 'Methods'}) : missing(s, 'methods')),
    panel('Counters', 'since it started', d?.counters?.length ? table([{name: 'Counter', cell: c => el('span', {class: 'mono'}, c.name)}, {name: 'Labels', wide: true, cell: c => el('span', {class: 'mono'}, c.labels ?? '')},
      {name: 'Value', num: true, cell: c => number(c.value)}], d.counters, {caption: 'Counters'}) : missing(s, 'counters'))],
  history: ({history: h, changes, spans}, {query}) => {
    const asTable = query.get('as') === 'table', draw = asTable ? linesTable : lines;
    const one = (title, data, pick, unit) => data?.series?.[0] ? panel(title, null, draw(title, data, pick(data.series[0]), unit)) : panel(title, null, el('p', {class: 'quiet'}, 'No history of this yet.'));
    return [el('div', {class: 'third'}, one('Requests a second, last hour', h?.requests, s => [{name: 'requests', values: s.values}, {name: 'errors', values: s.errors ?? []}], '/s'),
      one('Latency, last hour', h?.requests, s => [{name: 'p99', values: (s.p99_us ?? []).map(v => v === null ? null : v / 1000)}, {name: 'p50', values: (s.p50_us ?? []).map(v => v === null ? null : v / 1000)}], 'ms'),
      one('Memory, last hour', h?.rss, s => [{name: 'memory', values: s.values.map(v => v === null ? null : v / 1024)}], 'MiB')),
      panel('What changed', null, changes?.length ? el('ol', {class: 'changes'}, changes.map(c => el('li', {}, hhmm(c.at), c.text))) : el('p', {class: 'quiet'}, 'Nothing.')),
      panel('Slow and failed requests', 'those it told about', table([{name: 'At', cell: x => clock(new Date(x.start_us / 1000).toISOString())}, {name: 'What', cell: x => el('span', {class: 'mono'}, x.name)},
        {name: 'Status', num: true, cell: x => outcome(x)}, {name: 'Took', num: true, cell: x => took(x.duration_us)}, {name: 'Request', wide: true, cell: x => el('code', {class: 'mono', title: x.request_id}, x.request_id.slice(0, 8))}], spans ?? [], {caption: 'Requests', empty: 'None.'}))];
  },
};
const options = list => table([
  {name: 'Setting', cell: o => el('span', {class: 'mono', title: o.help}, o.name)}, {name: 'Value', cell: o => o.secret ? chip('', o.value) : el('span', {class: 'mono'}, o.value === '' ? '\u2014' : o.value)},
  {name: 'Default', wide: true, cell: o => el('span', {class: 'mono dim'}, o.default ?? '\u2014')}, {name: 'From', wide: true, cell: o => o.source === 'default' ? el('span', {class: 'dim'}, 'default') : o.source},
  {name: 'Meaning', wide: true, class: 'sub', cell: o => o.help}], list, {caption: 'Settings', empty: 'None.'});

function buttons(r, described) {
  const on_ = {instance: r.instance}, gone = ['stopped', 'crashed'].includes(r.status);
  if (gone) return [actor('Forget\u2026', () => propose('replica.forget', on_, {word: 'Forget'}))];
  const draining = r.status === 'draining' || described?.draining;
  return [
    actor('Log level\u2026', () => propose('replica.log_level', on_, {word: 'Set the log level', fields: [{name: 'levels', label: 'Levels: info, or info,db=debug', value: described?.log_levels ?? 'info', maxlength: 120}]})),
    draining ? actor('Resume\u2026', () => propose('replica.resume', on_, {word: 'Resume'}), {main: true})
      : actor('Drain\u2026', () => propose('replica.drain', on_, {word: 'Drain', danger: true}), {danger: true})];
}

export function draw(state, {id, query}) {
  const {replica: r, described} = state, open = VIEWS[query.get('tab')] ? query.get('tab') : 'pool';
  const path = `workers/${encodeURIComponent(id)}`, exception = ['broken', 'attention'].includes(kindOf(r.status));
  return {title: r.instance, body: [
    el('div', {class: 'head'}, el('h1', {}, r.instance), replicaState(r.status),
      el('span', {class: 'dim'}, `${r.service} ${r.version}`, r.status === 'up' ? ` \u00b7 up for ${duration(r.uptime_s)}` : r.since ? ` \u00b7 for ${relative(r.since).replace(' ago', '')}` : '', exception ? '' : ` \u00b7 ${r.evidence}`),
      el('div', {class: 'actions'}, buttons(r, described))),
    exception ? el('section', {class: 'panel flush', 'aria-label': 'Evidence'}, el('div', {class: 'notice'}, el('span', {class: `mark ${kindOf(r.status)}`, 'aria-hidden': 'true'}),
      el('p', {}, el('b', {}, `${r.instance} is ${r.status}. `), el('span', {class: 'dim'}, r.evidence)))) : null,
    tabs('Parts of this worker', TABS.map(([k, w]) => [k, w, k === 'pool' ? path : `${path}?tab=${k}`]), open),
    open === 'history' ? el('p', {class: 'dim small'}, 'Charts \u00b7 ', el('a', {href: `${path}?tab=history${query.get('as') === 'table' ? '' : '&as=table'}`}, query.get('as') === 'table' ? 'show as charts' : 'show as tables')) : null,
    el('div', {class: ['configuration', 'limits'].includes(open) ? 'stack' : 'half'}, VIEWS[open](state, {query}))]};
}
