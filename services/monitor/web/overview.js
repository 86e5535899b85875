// First what is wrong, then the five services, then what changed.
import {ago, duration, el, get, kindOf, mark, number, rows, time} from './dom.js';

const seen = new Map(); // instance -> last sample, for rates

const WRONG = {
  crashed: 'has crashed', frozen: 'is frozen', mute: 'cannot be heard',
  silent: 'has gone silent', 'not ready': 'is not ready', 'never seen': 'was never seen',
};

function notice(name, status, evidence) {
  return el('div', {class: 'notice', role: 'status'}, mark(status),
    el('span', {}, el('b', {}, `${name} ${WRONG[status]}. `), el('span', {class: 'dim'}, evidence)));
}

function notices(services, mail) {
  const list = [];
  for (const s of services) {
    if (s.replicas.length === 0)
      list.push(notice(s.name, 'never seen', 'No beat of it has arrived since this monitor started.'));
    for (const r of s.replicas)
      if (WRONG[r.status]) list.push(notice(r.instance, r.status, r.evidence));
  }
  const dead = mail?.counts?.dead ?? 0;
  if (dead > 0)
    list.push(el('div', {class: 'notice'}, mark('dead'), el('span', {},
      el('b', {}, `${dead === 1 ? 'One mail was' : number(dead) + ' mails were'} not delivered. `),
      el('a', {href: '/mails?state=dead'}, 'Look at them'))));
  return list.length
    ? el('section', {class: 'panel notices', 'aria-label': 'What is wrong'}, list)
    : el('p', {class: 'quiet'}, 'All is well.');
}

const LOAD_WORDS = {
  http_in_flight: 'requests now', in_flight: 'calls now', db_in_flight: 'queries now',
  hash_queue: 'hash queue', event_head: 'events', event_backlog: 'unpublished',
  cursor: 'events taken', lag: 'behind', sent: 'mails sent', ready: 'waiting',
  sending: 'sending', dead: 'not delivered', oldest_s: 'oldest waiting',
  replicas: 'replicas seen', spans: 'hops kept',
};

// Shown also when they are zero; the others speak up only when there is something.
const ALWAYS = ['http_in_flight', 'event_head', 'sent', 'replicas'];

function rate(r) {
  const total = r.load.requests;
  if (total === undefined) return null;
  const now = performance.now(), last = seen.get(r.instance);
  if (!last || now - last.at > 900) {
    const per = last && total >= last.total ? (total - last.total) * 1000 / (now - last.at) : null;
    seen.set(r.instance, {at: now, total, per});
  }
  return seen.get(r.instance).per;
}

function card(s, counts) {
  const up = s.replicas.filter(r => ['up', 'not ready', 'draining'].includes(r.status));
  const rss = up.reduce((sum, r) => sum + r.rss_kib, 0);
  const cpu = up.reduce((sum, r) => sum + r.cpu_permille, 0);
  const per = up.map(rate).filter(p => p !== null).reduce((a, b) => a + b, null);
  const pairs = [];
  for (const [key, word] of Object.entries(LOAD_WORDS)) {
    if (!up.some(r => key in r.load)) continue;
    // The mailer's own answer is newer than what its beats say of finished mails.
    const sum = s.name === 'mailer' && counts && ['sent', 'dead'].includes(key) ? counts[key] ?? 0
      : up.reduce((n, r) => n + (r.load[key] ?? 0), 0);
    if (sum === 0 && !ALWAYS.includes(key)) continue;
    pairs.push([word, key.endsWith('_s') ? `${number(sum)} s` : number(sum)]);
  }
  pairs.push(['processor', `${(cpu / 10).toFixed(1)} %`], ['memory', `${(rss / 1024).toFixed(1)} MiB`]);
  return el('section', {class: 'panel card', 'aria-label': s.name},
    el('header', {}, el('h2', {}, s.name), el('span', {class: 'pips'}, s.replicas.length
      ? s.replicas.map(r => el('span', {title: `${r.instance}: ${r.status}. ${r.evidence}`}, mark(r.status)))
      : mark('never seen'))),
    per !== null
      ? el('div', {class: 'figure'}, number(Math.round(per)), el('small', {}, 'requests/s'))
      : el('div', {class: 'figure'}, number(up.length), el('small', {}, up.length === 1 ? 'replica' : 'replicas')),
    rows(pairs));
}

function replicaTable(services) {
  const line = (s, r) => el('tr', {},
    el('td', {}, el('span', {class: 'state'}, mark(r.status), r.instance)),
    el('td', {}, ['well', 'stopped'].includes(kindOf(r.status)) ? el('span', {class: 'dim'}, r.status)
      : el('span', {class: `chip ${kindOf(r.status)}`}, r.status)),
    el('td', {class: 'wide'}, r.evidence),
    el('td', {class: 'num wide'}, duration(r.uptime_s)),
    el('td', {class: 'num wide'}, String(r.pid)),
    el('td', {class: 'wide dim'}, r.version));
  return el('section', {class: 'panel'}, el('header', {}, el('h2', {}, 'Replicas')),
    el('table', {}, el('thead', {}, el('tr', {}, el('th', {}, 'Replica'), el('th', {}, 'State'),
      el('th', {class: 'wide'}, 'Evidence'), el('th', {class: 'num wide'}, 'Up for'),
      el('th', {class: 'num wide'}, 'Process'), el('th', {class: 'wide'}, 'Version'))),
      el('tbody', {}, services.flatMap(s => s.replicas.map(r => line(s, r))))));
}

function changed(list) {
  return el('section', {class: 'panel'},
    el('header', {}, el('h2', {}, 'What changed'), el('span', {class: 'dim'}, 'since this monitor started')),
    list.length ? el('ol', {class: 'changes'}, list.slice(0, 12).map(c =>
      el('li', {title: ago(c.at)}, el('b', {}, time(c.at)), ' ', c.text)))
      : el('p', {class: 'quiet'}, 'Nothing yet.'));
}

export async function overview() {
  document.title = 'Overview - Quintet';
  const [now, mail] = await Promise.all([get('/api/overview'), get('/api/mails?limit=1').catch(() => null)]);
  const badge = document.getElementById('attention');
  badge.hidden = !(mail?.counts?.dead > 0);
  badge.textContent = mail?.counts?.dead ?? '';
  return [notices(now.services, mail), el('div', {class: 'cards'}, now.services.map(s => card(s, mail?.counts))),
    replicaTable(now.services), changed(now.changes)];
}
